import { expect, test } from "vitest";
import type { StatusView } from "#agent/api/views.ts";
import { FlowLog } from "#agent/local/flow-log.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const web = [
  "apiVersion: cilium.io/v2",
  "kind: CiliumNetworkPolicy",
  "metadata: {name: web, namespace: default}",
  "spec:",
  "  endpointSelector: {matchLabels: {app: web}}",
  "  ingress:",
  "    - toPorts:",
  '        - {ports: [{port: "80", protocol: TCP}], rules: {http: [{method: GET}]}}',
  '        - {ports: [{port: "81", protocol: TCP}]}',
].join("\n");

const node = useNode();
const pods = usePods(node, ["web", "client"]);
const name = "CiliumNetworkPolicy default/web ingress[0] (web.yaml:7)";

prepare(async () => {
  for (const port of [80, 81]) await pods.web.traffic.serve("TCP", port);
  await node().changeObjects("web.yaml", web);
});

test("the status is degraded, and names them", async () => {
  const { code, stdout } = await node().weir("status", "-o", "json");
  const { state, problems } = JSON.parse(stdout) as StatusView;
  expect([code, state]).toEqual([5, "degraded"]);
  expect(problems).toEqual([
    `1 rule asks for the proxy, which this version does not have: what it covers is dropped: ${name}`,
  ]);
});

test("what they cover is dropped, with the rule and the reason; the rest passes", async () => {
  await using log = new FlowLog(node().client);
  await expectTraffic(pods.client, pods.web, 81, "answered");
  await expectTraffic(pods.client, pods.web, 80, "silent");
  const flow = await log.find({ from: "default/client", to: "default/web", family: 4, protocol: "TCP", port: 80 });
  expect(flow).toMatchObject({
    verdict: "DROPPED",
    drop_reason: 178,
    weir: { denied: "ingress", rules: [{ line: 7 }] },
  });
  const { stdout } = await node().weir("observe", "--verdict", "DROPPED");
  expect(stdout).toContain(`ingress: a rule asks for the proxy, which is not there; ${name}`);
});

test("without them all is well again", async () => {
  await node().changeObjects("web.yaml", null);
  expect(await node().read<StatusView>("status")).toMatchObject({ state: "ok", problems: [] });
});
