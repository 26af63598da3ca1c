import { expect, test } from "vitest";
import type { Evaluation } from "#agent/api/policy-views.ts";
import type { EndpointView, StatusView } from "#agent/api/views.ts";
import { FlowLog } from "#agent/local/flow-log.ts";
import { Traffic } from "#agent/local/traffic.ts";
import { expectTraffic, targetOf } from "#test/support/expect-traffic.ts";
import { hostPolicy, nodeObject, ports } from "#test/support/object-text.ts";
import { Outside } from "#test/support/outside.ts";
import { goesOn, received } from "#test/support/stream.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode();
const pods = usePods(node, ["client"]);
let host: Traffic;
let outside: Outside;

const args = ["--device", "outside", "--host-failsafe-inbound", "tcp:22", "--host-failsafe-outbound", "tcp:53"];
const world = { fromEntities: ["world"] };
const setPolicy = (rules: object | null): Promise<void> =>
  node().changeObjects("host.yaml", rules && hostPolicy(rules));

prepare(async () => {
  outside = new Outside(node());
  await node().agent.stop();
  await node().startAgent({ args });
  host = node().lab.use(new Traffic(node().namespace, (pid) => node().lab.track(pid)));
  for (const one of [host, outside.traffic, pods.client.traffic]) {
    for (const port of [22, 53, 80, 81]) await one.serve("TCP", port);
    await one.serve("TCP", 8000, "source");
    await one.serve("UDP", 80);
  }
});

/** The node's addresses for whom, of both families. */
const ofNode = (): string[] => [outside.node4, outside.node6];
const ofWorld = (): string[] => [outside.ipv4, outside.ipv6];
const ofGateway = (): string[] => [pods.client.gateway4, pods.client.gateway6];

test("without a policy about nodes none of their connections is followed", async () => {
  for (const address of ofNode()) await expectTraffic(outside, address, 81, "answered");
  for (const address of ofWorld()) await expectTraffic(host, address, 81, "answered");
  expect(await node().read("bpf", "ct", "list")).toEqual([]);
  expect((await node().weir("endpoint", "get", "host")).code).toBe(4);
});

test("the world and pods reach of the node what its ingress policy allows, and the node them", async () => {
  await setPolicy({
    ingress: [
      { ...world, toPorts: ports(80) },
      { fromEndpoints: [{}], toPorts: ports(81) },
    ],
  });
  for (const address of ofNode()) {
    await expectTraffic(outside, address, 80, "answered");
    await expectTraffic(outside, address, 81, "silent");
    await expectTraffic(outside, address, 80, "silent", { protocol: "UDP" });
  }
  for (const address of [...ofGateway(), ...ofNode()]) {
    await expectTraffic(pods.client, address, 81, "answered");
    await expectTraffic(pods.client, address, 80, "silent");
  }
  // Answers need no rule, and kubelet reaches pods.
  for (const address of ofWorld()) await expectTraffic(host, address, 81, "answered");
  for (const address of [pods.client.ipv4, pods.client.ipv6]) await expectTraffic(host, address, 80, "answered");
  expect((await node().weir("policy", "verify")).stderr).toBe("");
});

test("the node reaches what its egress policy allows, of the world and of its pods", async () => {
  await setPolicy({
    egress: [
      { toEntities: ["world"], toPorts: ports(80) },
      { toEndpoints: [{}], toPorts: ports(81) },
    ],
  });
  for (const address of ofWorld()) {
    await expectTraffic(host, address, 80, "answered");
    await expectTraffic(host, address, 81, "silent");
  }
  for (const address of [pods.client.ipv4, pods.client.ipv6]) {
    await expectTraffic(host, address, 81, "answered");
    await expectTraffic(host, address, 80, "silent");
  }
  for (const address of ofNode()) await expectTraffic(outside, address, 81, "answered");
  for (const address of ofGateway()) await expectTraffic(pods.client, address, 81, "answered");
});

test("who denies everything is not locked out: the failsafe stays, and is what eval and flows name", async () => {
  await setPolicy({ ingressDeny: [{ fromEntities: ["all"] }], egressDeny: [{ toEntities: ["all"] }] });
  for (const address of ofNode()) {
    await expectTraffic(outside, address, 22, "answered");
    await expectTraffic(outside, address, 23, "silent");
  }
  for (const address of ofGateway()) await expectTraffic(pods.client, address, 22, "answered");
  for (const address of ofWorld()) {
    await expectTraffic(host, address, 53, "answered");
    await expectTraffic(host, address, 22, "silent");
  }
  const [from, to] = [outside.ipv4, outside.node4];
  const ask = (port: number): Promise<Evaluation> =>
    node().read("policy", "eval", "--from", from, "--to", to, "--port", String(port));
  const spared = {
    kind: "Failsafe",
    namespace: "",
    name: "host",
    rule: "inbound tcp:22",
    file: "--host-failsafe-inbound",
    line: null,
  };
  expect((await ask(22)).ingress).toMatchObject({ verdict: "allow", by: [spared] });
  expect((await ask(23)).ingress).toMatchObject({ verdict: "deny", by: [{ rule: "ingressDeny[0]" }] });
  await using log = new FlowLog(node().client);
  const key = { from, to, family: 4, protocol: "TCP" } as const;
  expect(await log.find({ ...key, port: 22 })).toMatchObject({ verdict: "FORWARDED", weir: { rules: [spared] } });
  const dropped = await log.find({ ...key, port: 23 });
  expect(dropped).toMatchObject({ verdict: "DROPPED", traffic_direction: "INGRESS", weir: { denied: "ingress" } });
  expect((await node().weir("policy", "verify", "host")).code).toBe(0);
});

test("the policy holds without the agent, and through the start of the next one", async () => {
  await setPolicy({ ingress: [{ ...world, toPorts: ports(80) }] });
  await node().agent.kill();
  const check = async (): Promise<void> => {
    await expectTraffic(outside, outside.node4, 80, "answered");
    await expectTraffic(outside, outside.node4, 81, "silent");
  };
  await check();
  await using stream = await outside.traffic.stream(targetOf(outside.node4, 80));
  await node().startAgent({ args });
  await goesOn(stream);
  await check();
  const view = await node().read<EndpointView>("endpoint", "get", "host");
  expect(view).toMatchObject({
    identity: 1,
    labels: { "reserved:host": "" },
    policy: { ingress: true, egress: false },
  });
});

test("a change cuts streams, also those that are older than the first policy, and spares the node's own", async () => {
  await setPolicy(null);
  // Only the servers speak: of none is the first packet that is judged one of him who connected.
  const silent = { interval: null };
  await using cut = await outside.traffic.stream(targetOf(outside.node4, 8000), silent);
  await using cut6 = await outside.traffic.stream(targetOf(outside.node6, 8000), silent);
  await using fromPod = await pods.client.traffic.stream(targetOf(pods.client.gateway4, 8000), silent);
  await using own = await host.stream(targetOf(outside.ipv4, 8000), silent);
  await using own6 = await host.stream(targetOf(outside.ipv6, 8000), silent);
  await using toPod = await host.stream(targetOf(pods.client, 8000), silent);
  for (const stream of [cut, cut6, fromPod, own, own6, toPod]) await goesOn(stream);

  await setPolicy({ ingress: [{}] });
  const before = [await received(cut), await received(cut6), await received(fromPod)];
  for (const stream of [own, own6, toPod]) await goesOn(stream, 100);
  const after = [await received(cut), await received(cut6), await received(fromPod)];
  for (const [i, count] of after.entries()) expect(count).toBeLessThanOrEqual((before[i] as number) + 1);

  await setPolicy({ ingress: [{ fromEntities: ["all"] }], egress: [{ toEndpoints: [{}] }] });
  const last = await received(own);
  await using fresh = await outside.traffic.stream(targetOf(outside.node4, 8000), silent);
  for (const stream of [fresh, toPod]) await goesOn(stream, 100);
  expect(await received(own)).toBeLessThanOrEqual(last + 1);
});

test("a policy counts while the node has the labels that it selects", async () => {
  const ofZone = hostPolicy({ nodeSelector: { matchLabels: { zone: "a" } }, ingress: [{}] });
  await node().changeObjects("host.yaml", ofZone);
  await expectTraffic(outside, outside.node4, 80, "answered");
  await node().changeObjects("node.yaml", nodeObject("node", [], { zone: "a" }));
  await expectTraffic(outside, outside.node4, 80, "silent");
  expect((await node().weir("policy", "verify")).code).toBe(0);
  await node().changeObjects("node.yaml", nodeObject("node", [], { zone: "b" }));
  await expectTraffic(outside, outside.node4, 80, "answered");
});

test("a staged policy is told of and lets everything through", async () => {
  const staged = hostPolicy(
    { ingress: [{ ...world, toPorts: ports(80) }] },
    { annotations: { "weir.io/stage": "audit" } },
  );
  await node().changeObjects("host.yaml", staged);
  await expectTraffic(outside, outside.node4, 82, "refused");
  await using log = new FlowLog(node().client);
  const flow = await log.find({ from: outside.ipv4, to: outside.node4, family: 4, protocol: "TCP", port: 82 });
  expect(flow).toMatchObject({
    verdict: "FORWARDED",
    weir: { rules: [], staged: [{ direction: "ingress", verdict: "deny", rules: [] }] },
  });
});

test("a policy about a node whose devices nobody knows is a problem", async () => {
  await setPolicy({ ingress: [{}] });
  await node().agent.stop();
  // An agent that is not told of devices keeps those that have programs.
  expect((await node().weir("cleanup", ...node().cleanupOptions)).code).toBe(0);
  await node().startAgent({ degraded: true });
  const { problems } = await node().read<StatusView>("status");
  expect(problems).toEqual([expect.stringMatching(/^policies are about this node, but none of its devices is known/)]);
});
