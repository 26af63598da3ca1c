import { expect, test } from "vitest";
import type { Evaluation } from "#agent/api/policy-views.ts";
import { FlowLog } from "#agent/local/flow-log.ts";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { prepare, useNode } from "#test/support/use-node.ts";

const web = { protocol: "TCP", port: 80 } as const;
const node = useNode({
  objects: {
    "server.yaml": networkPolicy({
      name: "server",
      selects: { app: "server" },
      ingress: [{ from: [app("other")] }, { from: [app("client")], ports: [web] }],
    }),
    // The same traffic by a second policy: both rules are named.
    "also.yaml": networkPolicy({ name: "also", selects: { app: "server" }, ingress: [{ ports: [web] }] }),
    "client.yaml": networkPolicy({
      name: "client",
      selects: { app: "client" },
      egress: [{ to: [app("server")], ports: [{ protocol: "TCP", port: 1, endPort: 1000 }] }],
    }),
  },
});
const pods: Record<string, LabPod> = {};

prepare(async () => {
  for (const name of ["server", "client", "stranger"])
    pods[name] = await node().addPod({ name, labels: { app: name } });
  for (const port of [80, 81]) await pods["server"]?.traffic.serve("TCP", port);
});

const text = (rules: readonly object[]) => rules.map((rule) => JSON.stringify(rule)).toSorted();

test.for([
  ["client", "server", 80, "allow"],
  ["client", "server", 81, "deny"],
  ["client", "stranger", 80, "deny"],
  ["stranger", "server", 80, "allow"],
  ["stranger", "server", 81, "deny"],
  ["server", "stranger", 80, "allow"],
] as const)("%s to %s port %i: %s, with the same rules from both", async ([from, to, port, verdict]) => {
  const args = ["--from", `default/${from}`, "--to", `default/${to}`, "--port", String(port)];
  const evaluation = await node().read<Evaluation>("policy", "eval", ...args);
  expect(evaluation.verdict).toBe(verdict);

  await using log = new FlowLog(node().client);
  await pods[from]?.traffic.attempt({ protocol: "TCP", address: pods[to]?.ipv4 ?? "", port }, { timeout: 400 });
  const flow = await log.find({ from: `default/${from}`, to: `default/${to}`, family: 4, protocol: "TCP", port });
  expect(flow.verdict).toBe(verdict === "allow" ? "FORWARDED" : "DROPPED");
  if (verdict === "allow") {
    expect(text(flow.weir.rules)).toEqual(text([...evaluation.egress.by, ...evaluation.ingress.by]));
  } else {
    const denied = evaluation.egress.verdict === "deny" ? "egress" : "ingress";
    expect(flow.weir.denied).toBe(denied);
    expect(flow.weir.nearest).toEqual(evaluation[denied].nearest);
    expect(flow.weir.isolatedBy).toEqual(evaluation[denied].isolatedBy);
  }
});
