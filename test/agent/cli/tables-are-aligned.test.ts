import { expect, test } from "vitest";
import type { Flow } from "#agent/api/flow.ts";
import type { FlowQuery } from "#agent/api/flow-filter.ts";
import { table } from "#agent/cli/table.ts";
import { ApiFixture } from "#test/agent/api/api-fixture.ts";
import { fakePorts } from "#test/agent/api/fake-ports.ts";
import { flow, web } from "#test/agent/api/fake-views.ts";
import { weir } from "./cli-fixture.ts";

const plain = (_: unknown, text: string): string => text;

test("text stands to the left, numbers to the right, and nothing behind the last column", () => {
  const rows = [
    { id: 5, name: "a", note: null },
    { id: 1234, name: "long-name", note: "x" },
  ];
  const text = table(
    rows,
    [
      { title: "ID", value: (row) => row.id },
      { title: "NAME", value: (row) => row.name },
      { title: "NOTE", value: (row) => row.note },
    ],
    plain,
  );
  expect(text).toBe("  ID  NAME       NOTE\n   5  a          -\n1234  long-name  x\n");
});

test("what a pod's maker wrote cannot command the terminal", async () => {
  const evil = { ...web, pod: "\u001b[2Jweb\u202e-1" };
  await using api = await ApiFixture.start({
    endpoints: { ...fakePorts().endpoints, list: () => [evil], get: () => evil },
  });
  for (const command of [
    ["endpoint", "list"],
    ["endpoint", "get", "12"],
  ]) {
    const { stdout } = await weir(api.runDir, ...command);
    expect(stdout).toContain("\ufffd[2Jweb\ufffd-1");
    expect(stdout).not.toContain("\u001b");
  }
});

test("endpoint list", async () => {
  await using api = await ApiFixture.start();
  expect((await weir(api.runDir, "endpoint", "list")).stdout).toBe(
    [
      "ID  NAMESPACE  POD    INTERFACE  IDENTITY  IPV4      IPV6  STATE  INGRESS   EGRESS  REVISION",
      "12  shop       web-1  eth0          20481  10.0.0.7  -     ready  enforced  open          41",
      "",
    ].join("\n"),
  );
});

test("metrics, without the buckets of histograms, and with labels that cannot command the terminal", async () => {
  const histogram = { type: "histogram", labels: { verb: "ADD" }, value: 2 } as const;
  const list = async () => [
    { name: "weir_calls_bucket", ...histogram, labels: { verb: "ADD", le: "0.1" } },
    { name: "weir_calls_count", ...histogram },
    { name: "weir_drops_total", type: "counter", labels: { pod: '\u001b[2J"a b"', ns: "x" }, value: 12.5 } as const,
  ];
  await using api = await ApiFixture.start({ metrics: { list, text: async () => "" } });
  expect((await weir(api.runDir, "metrics")).stdout).toBe(
    [
      "NAME              LABELS                       VALUE",
      "weir_calls_count  verb=ADD                         2",
      'weir_drops_total  pod="\\u001b[2J\\"a b\\"",ns=x   12.5',
      "",
    ].join("\n"),
  );
});

test("status", async () => {
  await using api = await ApiFixture.start();
  expect((await weir(api.runDir, "status")).stdout).toBe(
    [
      "State       ok",
      "Node        n1",
      "Revision    41",
      "Policy      enforcement default",
      "Store       embedded: ok",
      "Datapath    tcx, programs 6b1f",
      "Devices     eth0",
      "Masquerade  eth0 as 192.0.2.1; since load 12 flows, 1 ports retried, 0 packets without a port",
      "Proxy       ok, process 4711 with 2 workers, rules of version 12; 31 connections, 0 records lost; ended: 3 of no protocol that a rule asks for, 1 whose server could not be reached; 1 earlier with connections left",
      "Names       40 with 52 addresses, 3 kept for connections; 0 answers refused",
      "CNI         installed",
      "            /etc/cni/net.d/05-weir.conflist: weir-cni, portmap; CNI 0.3.1 to 1.0.0",
      "            /opt/cni/bin/weir-cni",
      "Flows       70000 seen, 3 lost, 812 of 65536 kept",
      "Endpoints   1 ready",
      "Problems    none",
      "",
      "POOL     RANGE        USED  COOLING  KEPT  CAPACITY",
      "default  10.0.0.0/24    12        1     0       253",
      "",
      "MAP         ENTRIES  CAPACITY  FILL",
      "conntrack4      812    524288  0%",
      "",
    ].join("\n"),
  );
});

test("policy eval", async () => {
  await using api = await ApiFixture.start();
  const { stdout } = await weir(
    api.runDir,
    "policy",
    "eval",
    "--from",
    "shop/web-1",
    "--to",
    "shop/db-0",
    "--port",
    "5432",
  );
  expect(stdout).toBe(
    [
      "verdict  deny",
      "egress   allow    NetworkPolicy shop/web egress[0] (web.yaml:14)",
      "ingress  deny     default deny by NetworkPolicy shop/db (db.yaml:3)",
      "                  nearest: NetworkPolicy shop/db ingress[0] (db.yaml:9): port 5432 is not 5433",
      "",
    ].join("\n"),
  );
});

test("observe: one flow a line, and what was lost beside it", async () => {
  const forwarded = {
    ...flow,
    verdict: "FORWARDED",
    weir: { rules: [], generation: "1", reason: "no policy applies" },
  } as const;
  const toWorld = { ...forwarded, destination: { identity: 2, labels: ["reserved:world"] } };
  const read = async function* () {
    yield [flow, toWorld, { lost_events: { source: "HUBBLE_RING_BUFFER", num_events_lost: "3" } } as const];
  };
  await using api = await ApiFixture.start({ flows: { read } });
  const { stdout, stderr } = await weir(api.runDir, "observe");
  expect(stdout).toBe(
    [
      "2026-01-31T12:00:00.123Z  DROPPED    shop/web-1:40000 -> shop/db-0:5432  TCP  ingress: default deny by NetworkPolicy shop/db (db.yaml:3); " +
        "nearest: NetworkPolicy shop/db ingress[0] (db.yaml:9): port 5432 is not 5433",
      "2026-01-31T12:00:00.123Z  FORWARDED  shop/web-1:40000 -> world 10.0.0.8:5432  TCP  no policy applies",
      "",
    ].join("\n"),
  );
  expect(stderr).toBe("weir: 3 flows lost: the agent's ring went past this reader\n");
});

test("policy staged", async () => {
  await using api = await ApiFixture.start();
  expect((await weir(api.runDir, "policy", "staged")).stdout).toBe(
    [
      "KIND                 NAMESPACE  NAME  RULE            WOULD DENY  WOULD ALLOW  WOULD REDIRECT  LAST                      PLACE",
      "CiliumNetworkPolicy  shop       x     ingressDeny[0]           7            0               0  2026-01-31T12:00:00.123Z  x.yaml:3",
      "CiliumNetworkPolicy  shop       y     -                        0            0               0  -                         y.yaml:3",
      "",
    ].join("\n"),
  );
});

test("observe: what is staged stands behind what is in force", async () => {
  const rules = [
    { kind: "CiliumNetworkPolicy", namespace: "shop", name: "x", rule: "ingressDeny[0]", file: "x.yaml", line: 3 },
  ];
  const weirOf = (staged: Flow["weir"]["staged"]): Flow => ({
    ...flow,
    verdict: "FORWARDED",
    weir: { rules: [], generation: "1", reason: "no policy applies", staged },
  });
  const asked: unknown[] = [];
  const read = async function* (query: FlowQuery) {
    asked.push(query.whitelist);
    yield [
      weirOf([{ direction: "ingress", verdict: "deny", rules }]),
      weirOf([{ direction: "ingress", verdict: "deny", rules: [] }]),
      weirOf([
        { direction: "egress", verdict: "allow", rules: [] },
        { direction: "ingress", verdict: "redirect", rules },
      ]),
    ];
  };
  await using api = await ApiFixture.start({ flows: { read } });
  const { stdout } = await weir(api.runDir, "observe", "--staged");
  expect(asked).toEqual([[{ staged: [true] }]]);
  expect(stdout.split("\n").map((line) => line.split("  TCP  ")[1])).toEqual([
    "no policy applies; would be denied (staged): CiliumNetworkPolicy shop/x ingressDeny[0] (x.yaml:3)",
    "no policy applies; would be denied (staged): ingress: no rule allows it",
    "no policy applies; would be allowed (staged): egress: no policy applies; " +
      "would go to the proxy (staged): CiliumNetworkPolicy shop/x ingressDeny[0] (x.yaml:3)",
    undefined,
  ]);
});
