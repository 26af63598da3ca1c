import { describe, expect, test } from "vitest";
import { diffPolicies } from "#policy/diff/diff.ts";
import { diffFlows } from "#policy/diff/flows.ts";
import type { PolicyDiff } from "#policy/diff/policy-change.ts";
import { bothVerdicts } from "#policy/explain/evaluate.ts";
import type { Flow, Party } from "#policy/model/flow.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { type RecordedFlows, readRecordedFlows } from "#policy/simulate/recorded-flows.ts";
import { kubernetesPolicy, kubernetesRule, labelled, peerOf } from "#test/support/policy-objects.ts";
import { randomChange } from "./random-change.ts";
import { changeText, shop } from "./shop.ts";

const onPort = (port: number): PolicyObject =>
  kubernetesPolicy({
    podSelector: labelled({ app: "db" }),
    ingress: [
      kubernetesRule({
        peers: [peerOf({ podSelector: labelled({ app: "web" }) })],
        ports: [{ protocol: "TCP", port, endPort: null }],
      }),
    ],
  });

function record(from: string, to: string, port: number, more: object = {}): object {
  const end = (text: string): object => {
    const [namespace, name] = text.split("/");
    return name === undefined ? {} : { namespace, pod_name: name };
  };
  const address = (text: string): string => (text.includes("/") ? "" : text);
  return {
    source: end(from),
    destination: end(to),
    IP: { source: address(from), destination: address(to) },
    l4: { TCP: { source_port: 40_000, destination_port: port } },
    ...more,
  };
}

function diff(before: PolicyObject, after: PolicyObject, ...records: object[]): PolicyDiff {
  const recorded = readRecordedFlows(records.map((one) => JSON.stringify(one)).join("\n"), "flows.jsonl");
  return diffFlows([...shop, before], [...shop, after], recorded);
}

describe("what was seen", () => {
  test("only that, with how often; the most frequent first", () => {
    const often = record("n/web-1", "n/db-0", 80);
    const { changes, flows } = diff(
      onPort(80),
      onPort(81),
      record("n/web-2", "n/db-0", 81),
      often,
      often,
      record("n/web-1", "n/web-2", 80),
    );
    expect(changes.map((change) => [changeText(change), change.count])).toEqual([
      ["allow>deny n/web-1 -> n/db-0 TCP 80", 2],
      ["deny>allow n/web-2 -> n/db-0 TCP 81", 1],
    ]);
    expect(flows).toEqual({ records: 4, connections: 3, changed: 3, unjudged: {} });
  });

  test("parties with the same changes are told together", () => {
    const { changes } = diff(onPort(80), onPort(81), record("n/web-1", "n/db-0", 80), record("n/web-2", "n/db-0", 80));
    expect(changes).toMatchObject([
      {
        count: 2,
        source: { kind: "pod", description: "n/web-1, n/web-2", count: 2 },
        by: { before: [{ rule: "ingress[0]" }], after: [] },
        nearest: { because: "port 80 is not 81" },
        example: { from: "n/web-1", to: "n/db-0", port: 80, canBeEvaluated: true },
      },
    ]);
  });

  test("ports between the same parties are told together", () => {
    const none = { ...kubernetesPolicy(), name: "none" };
    const records = [record("192.0.2.1", "n/db-0", 443), record("192.0.2.1", "n/db-0", 80)];
    expect(diff(none, onPort(1), ...records).changes.map(changeText)).toEqual([
      "allow>deny 192.0.2.1 -> n/db-0 TCP 80,443",
    ]);
  });

  test("what cannot be judged is counted", () => {
    const { flows } = diff(
      onPort(80),
      onPort(81),
      record("n/web-1", "n/db-0", 80, { l4: {} }),
      record("", "n/db-0", 80),
    );
    expect(flows?.unjudged).toEqual({ "no-ports": 1, "unknown-party": 1 });
  });
});

test("random flows: what differs by the oracle is counted, and diffs of all traffic and of flows agree", () => {
  let changed = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const { before, after, flows } = randomChange(seed, {
      flows: 30,
      protocols: ["TCP", "UDP", "SCTP"],
      controls: false,
    });
    // Records say nothing of nodes' labels, so those are who the objects say they are.
    const pairs = flows.filter(([, { source, destination }]) =>
      [source, destination].every(({ nodeLabels }) => !nodeLabels),
    );
    const recorded = readRecordedFlows(pairs.map(([, flow]) => JSON.stringify(toRecord(flow))).join("\n"), "f");
    const differing = pairs.filter(([early, late]) => verdictOf(before, early) !== verdictOf(after, late));
    changed += differing.length;
    const result = diffFlows(before, after, recorded);
    expect(result.flows?.changed, `seed ${seed}`).toBe(differing.length);
    const unchanged = diffPolicies(before, after).changes.length === 0;
    if (unchanged) expect(result.changes).toEqual([]);
    expect(counted(recorded)).toBe(pairs.length);
  }
  expect(changed).toBeGreaterThan(100);
});

function counted({ flows }: RecordedFlows): number {
  return flows.reduce((sum, { count }) => sum + count, 0);
}

function verdictOf(objects: readonly PolicyObject[], flow: Flow): string {
  const { egress, ingress } = judge(objects, flow);
  return bothVerdicts(egress.verdict, ingress.verdict);
}

function toRecord({ source, destination, protocol, port }: Flow): object {
  const end = ({ subject, reserved = "world" }: Party): object => (subject ? {} : { labels: [`reserved:${reserved}`] });
  return {
    source: end(source),
    destination: end(destination),
    source_names: source.names,
    destination_names: destination.names,
    IP: { source: source.address, destination: destination.address },
    l4: { [protocol]: { source_port: 40_000, destination_port: port } },
  };
}
