import { expect, test } from "vitest";
import type { Trace } from "#agent/api/trace-views.ts";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { ChainedPod } from "#test/support/chained-pod.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { prepare, useNode } from "#test/support/use-node.ts";

const node = useNode({
  objects: {
    "server.yaml": networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ from: [app("client")] }] }),
  },
});
const pods: LabPod[] = [];

prepare(async () => {
  for (const [name, labels] of [
    ["server", "server"],
    ["client", "client"],
    ["intruder", "intruder"],
  ] as const) {
    pods.push(await ChainedPod.add(node(), { by: "bridge", name, labels: { app: labels } }));
  }
});

test.each([
  ["client", "allow", ["chained_egress", "stack", "chained_ingress"]],
  ["intruder", "deny", ["chained_egress"]],
] as const)("%s of another plugin: %s", async (from, verdict, programs) => {
  const trace = await node().read<Trace>("trace", "--from", `default/${from}`, "--to", "default/server:80");
  expect(trace).toMatchObject({ verdict, differences: [] });
  expect(trace.steps.map(({ program }) => program?.name ?? "stack")).toEqual(programs);
});
