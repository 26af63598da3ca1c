import { expect, test } from "vitest";
import type { Flow } from "#agent/api/flow.ts";
import type { StagedView } from "#agent/api/policy-views.ts";
import { FlowLog, type FlowKey } from "#agent/local/flow-log.ts";
import { until } from "#agent/local/until.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

/** Denies the stranger, and stages what an annotation says; the rule stands on line 9. */
function policy(annotations: string): string {
  return [
    "apiVersion: cilium.io/v2",
    "kind: CiliumNetworkPolicy",
    "metadata:",
    `  {name: server, namespace: default, annotations: ${annotations}}`,
    "spec:",
    "  endpointSelector: {matchLabels: {app: server}}",
    "  enableDefaultDeny: {ingress: false}",
    "  ingressDeny:",
    "    - fromEndpoints: [{matchLabels: {app: stranger}}]",
    "",
  ].join("\n");
}

const isolation = [
  "apiVersion: networking.k8s.io/v1",
  "kind: NetworkPolicy",
  'metadata: {name: closed, namespace: default, annotations: {"weir.io/stage": audit}}',
  "spec: {podSelector: {matchLabels: {app: closed}}, policyTypes: [Ingress]}",
].join("\n");

const node = useNode({
  objects: { "server.yaml": policy('{"weir.io/stage": "ingressDeny[0]=audit"}'), "closed.yaml": isolation },
});
const pods = usePods(node, ["server", "closed", "client", "stranger"]);
const object = { kind: "CiliumNetworkPolicy", namespace: "default", name: "server", file: "server.yaml" };
const rule = { ...object, rule: "ingressDeny[0]", line: 9 };

prepare(async () => {
  for (const pod of [pods.server, pods.closed]) await pod.traffic.serve("TCP", 80);
});

const to = (from: string, name: string): FlowKey => {
  return { from: `default/${from}`, to: `default/${name}`, family: 4, protocol: "TCP", port: 80 };
};

const staged = () => node().read<StagedView[]>("policy", "staged");
const ruleCount = async () => (await staged()).find(({ name }) => name === "server");

async function observed(...args: readonly string[]): Promise<Flow[]> {
  const { stdout } = await node().weir("observe", "-o", "json", ...args);
  const lines = stdout.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Flow);
}

test("what is staged is listed before it has done anything", async () => {
  const nothing = { denied: 0, allowed: 0, redirected: 0, last: null };
  expect(await staged()).toEqual([
    {
      kind: "NetworkPolicy",
      namespace: "default",
      name: "closed",
      rule: null,
      file: "closed.yaml",
      line: 1,
      ...nothing,
    },
    { ...rule, ...nothing },
  ]);
});

test("a staged deny lets traffic pass, and says with rule and place that it would not", async () => {
  await using log = new FlowLog(node().client);
  await expectTraffic(pods.stranger, pods.server, 80, "answered");
  const flow = await log.find(to("stranger", "server"));
  expect(flow).toMatchObject({
    verdict: "FORWARDED",
    weir: { rules: [], staged: [{ direction: "ingress", verdict: "deny", rules: [rule] }] },
  });
  expect(await ruleCount()).toMatchObject({ denied: 1, allowed: 0, redirected: 0, last: flow.time });
});

test("others would pass, and nothing is said", async () => {
  await using log = new FlowLog(node().client);
  await expectTraffic(pods.client, pods.server, 80, "answered");
  expect((await log.find(to("client", "server"))).weir).not.toHaveProperty("staged");
});

test("a staged isolation denies without a rule, and is counted by its object", async () => {
  await using log = new FlowLog(node().client);
  await expectTraffic(pods.client, pods.closed, 80, "answered");
  const { verdict, weir } = await log.find(to("client", "closed"));
  expect([verdict, weir.staged]).toEqual(["FORWARDED", [{ direction: "ingress", verdict: "deny", rules: [] }]]);
  expect((await staged())[0]).toMatchObject({ name: "closed", rule: null, denied: 1 });
});

test("observe --staged gives these flows only, and says it in words", async () => {
  const ends = (await observed("--staged")).map(({ source, destination }) => [source.pod_name, destination.pod_name]);
  expect(ends).toEqual([
    ["stranger", "server"],
    ["client", "closed"],
  ]);
  const { stdout } = await node().weir("observe", "--staged", "--pod", "default/stranger");
  expect(stdout).toContain(
    "no policy applies; would be denied (staged): CiliumNetworkPolicy default/server ingressDeny[0] (server.yaml:9)",
  );
});

test("once in force the same traffic is dropped, by the same rule", async () => {
  const mark = (await observed("--pod", "default/stranger")).length;
  await node().changeObjects("server.yaml", policy("{}"));
  await expectTraffic(pods.stranger, pods.server, 80, "silent");
  await expectTraffic(pods.client, pods.server, 80, "answered");
  await until("the drop", async () => (await observed("--pod", "default/stranger")).length > mark);
  const [flow] = (await observed("--pod", "default/stranger", "--verdict", "DROPPED")).slice(-1);
  expect(flow).toMatchObject({ drop_reason_desc: "POLICY_DENY", weir: { rules: [rule], denied: "ingress" } });
  expect(flow?.weir).not.toHaveProperty("staged");
  expect(await ruleCount()).toBeUndefined();
});
