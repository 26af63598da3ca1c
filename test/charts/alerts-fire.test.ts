import { writeFileSync } from "node:fs";
import { beforeEach, expect, test } from "vitest";
import { stringify } from "yaml";
import { promtool } from "#test/support/promtool.ts";
import { needs } from "#test/support/requirement.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { alerts, rulesPath } from "./charts.ts";

beforeEach(needs("promtool"));

interface Case {
  readonly alert: string;
  /** By series: values in Prometheus' notation, one a minute; `0x60` is zero for an hour. */
  readonly series: Readonly<Record<string, string>>;
  /** Minutes after the start. */
  readonly at: number;
  /** Labels of the alert besides its severity; null: it does not fire. */
  readonly fires: Readonly<Record<string, string>> | null;
}

const range = { instance: "n1", pool: "default", family: "ipv4" };
/** Of two ranges, of which the first is full when there is anything to tell; both have 50 addresses. */
const pool = (used: string, cooling: string, canGrow = 0) => ({
  [`weir_ipam_used_addresses{instance="n1",pool="default",family="ipv4",cidr="10.0.0.0/26"}`]: "50x600",
  [`weir_ipam_cooling_addresses{instance="n1",pool="default",family="ipv4",cidr="10.0.0.0/26"}`]: "0x600",
  [`weir_ipam_capacity_addresses{instance="n1",pool="default",family="ipv4",cidr="10.0.0.0/26"}`]: "50x600",
  [`weir_ipam_used_addresses{instance="n1",pool="default",family="ipv4",cidr="10.0.9.0/26"}`]: used,
  [`weir_ipam_cooling_addresses{instance="n1",pool="default",family="ipv4",cidr="10.0.9.0/26"}`]: cooling,
  [`weir_ipam_capacity_addresses{instance="n1",pool="default",family="ipv4",cidr="10.0.9.0/26"}`]: "50x600",
  [`weir_ipam_pool_can_grow{instance="n1",pool="default"}`]: `${canGrow}x600`,
});
const map = (entries: string) => ({
  'weir_bpf_map_entries{instance="n1",map="conntrack4"}': entries,
  'weir_bpf_map_max_entries{instance="n1",map="conntrack4"}': "1000x60",
});
const policy = (refused: string, problems: string) => ({
  'weir_policy_refused{instance="n1"}': refused,
  'weir_policy_object_problems{instance="n1"}': problems,
});
const errors = 'weir_cni_errors_total{instance="n1",plugin="weir-cni",verb="ADD",code="11"}';
const node = { instance: "n1" };
const exporting = (up: string) => ({ 'weir_flow_export_up{instance="n1",exporter="otlp"}': up });

const requestsLost = 'weir_proxy_records_lost_total{instance="n1"}';

const cases: readonly Case[] = [
  { alert: "WeirPoolNearlyFull", series: pool("20x60", "10x60"), at: 10, fires: range },
  { alert: "WeirPoolNearlyFull", series: pool("19x60", "10x60"), at: 10, fires: null },
  { alert: "WeirPoolNearlyFull", series: pool("20x60", "10x60", 1), at: 10, fires: null },
  { alert: "WeirPoolFullSoon", series: pool("0+0.25x600", "0x600"), at: 130, fires: range },
  { alert: "WeirPoolFullSoon", series: pool("0+0.25x600", "0x600", 1), at: 130, fires: null },
  { alert: "WeirPoolFullSoon", series: pool("10x600", "0x600"), at: 130, fires: null },
  { alert: "WeirMapNearlyFull", series: map("800x60"), at: 10, fires: { ...node, map: "conntrack4" } },
  { alert: "WeirMapNearlyFull", series: map("799x60"), at: 10, fires: null },
  { alert: "WeirPolicyRefused", series: policy("1x60", "0x60"), at: 10, fires: node },
  { alert: "WeirPolicyRefused", series: policy("0x60", "2x60"), at: 10, fires: node },
  { alert: "WeirPolicyRefused", series: policy("0x60", "0x60"), at: 10, fires: null },
  {
    alert: "WeirStoreDown",
    series: { 'weir_store_up{instance="n1",kind="etcd"}': "0x60" },
    at: 10,
    fires: { ...node, kind: "etcd" },
  },
  {
    alert: "WeirStoreDown",
    series: { 'weir_store_up{instance="n1",kind="etcd"}': "1x60" },
    at: 10,
    fires: null,
  },
  { alert: "WeirCniErrors", series: { [errors]: "0+1x60" }, at: 20, fires: { ...node, verb: "ADD", code: "11" } },
  { alert: "WeirCniErrors", series: { [errors]: "7x60" }, at: 20, fires: null },
  {
    alert: "WeirMasqueradePortsExhausted",
    series: { 'weir_nat_exhausted_packets_total{instance="n1"}': "0x5 9x10" },
    at: 7,
    fires: node,
  },
  {
    alert: "WeirMasqueradePortsExhausted",
    series: { 'weir_nat_exhausted_packets_total{instance="n1"}': "9x60" },
    at: 7,
    fires: null,
  },
  { alert: "WeirFlowExportStands", series: exporting("0x60"), at: 20, fires: { ...node, exporter: "otlp" } },
  { alert: "WeirFlowExportStands", series: exporting("1x60"), at: 20, fires: null },
  { alert: "WeirFlowsLost", series: { 'weir_flows_lost_total{instance="n1"}': "0+6000x60" }, at: 30, fires: node },
  { alert: "WeirFlowsLost", series: { 'weir_flows_lost_total{instance="n1"}': "0+60x60" }, at: 30, fires: null },
  { alert: "WeirRequestsLost", series: { [requestsLost]: "0+6000x60" }, at: 30, fires: node },
  { alert: "WeirRequestsLost", series: { [requestsLost]: "0+60x60" }, at: 30, fires: null },
];

test("promtool finds nothing wrong with the rules", async () => {
  const { code, stdout } = await promtool(["check", "rules", rulesPath]);
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringContaining(`SUCCESS: ${alerts.length} rules found`) as string,
  });
});

test("each alert has a case in which it fires and one in which it does not", () => {
  for (const { alert } of alerts) {
    const own = cases.filter((one) => one.alert === alert);
    expect([alert, own.some(({ fires }) => fires !== null), own.some(({ fires }) => fires === null)]).toEqual([
      alert,
      true,
      true,
    ]);
  }
});

test("alerts fire when they should, and not else", async () => {
  using folder = new TemporaryFolder();
  const write = (name: string, content: unknown): void => writeFileSync(folder.join(name), stringify(content));
  const severity = new Map(alerts.map((one) => [one.alert, one.labels.severity]));
  const tests = cases.map(({ alert, series, at, fires }) => ({
    interval: "1m",
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    alert_rule_test: [
      {
        eval_time: `${at}m`,
        alertname: alert,
        exp_alerts: fires === null ? [] : [{ exp_labels: { ...fires, severity: severity.get(alert) } }],
      },
    ],
  }));
  // The words of the annotations are not compared; that they can be made was checked above.
  const rules = alerts.map(({ annotations: _annotations, ...rule }) => rule);
  write("rules.yaml", { groups: [{ name: "weir", rules }] });
  write("tests.yaml", { rule_files: ["rules.yaml"], evaluation_interval: "1m", tests });
  const { code, stdout, stderr } = await promtool(["test", "rules", folder.join("tests.yaml")]);
  expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: expect.stringContaining("SUCCESS") as string });
});
