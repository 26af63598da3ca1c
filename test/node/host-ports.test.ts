import { expect, test } from "vitest";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { Traffic } from "#agent/local/traffic.ts";
import { ChainedPod } from "#test/support/chained-pod.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { Outside } from "#test/support/outside.ts";
import { runPlugin } from "#test/support/plugin-run.ts";
import { prepare, useNode } from "#test/support/use-node.ts";

/** Who made the pod's veth: our own CNI plugin, or one before it in the list. */
const kinds = ["own", "bridge", "ptp"] as const;
type Kind = (typeof kinds)[number];
const pairs = kinds.flatMap((from) => kinds.map((to) => [from, to] as const));

/** Ports of the node that portmap maps to port 80 of a pod. */
const hostPorts = { own: 443, bridge: 8081, ptp: 8082 } as const;

const node = useNode();
const servers = {} as Record<Kind, LabPod>;
const clients = {} as Record<Kind, LabPod>;
let outside: Outside;
let host: Traffic;

async function addPod(by: Kind, app: string, config: Readonly<Record<string, unknown>> = {}): Promise<LabPod> {
  const options = { name: `${by}-${app}`, labels: { app }, config };
  // A bridge sends nothing back by the port that it came by, unless told to.
  const plugin = { hairpinMode: true };
  return by === "own"
    ? node().addPod(options)
    : ChainedPod.add(node(), { by, ...(by === "bridge" && { plugin }), ...options });
}

async function addServer(by: Kind): Promise<LabPod> {
  const portMappings = ["tcp", "udp"].map((protocol) => ({ hostPort: hostPorts[by], containerPort: 80, protocol }));
  const runtimeConfig = { portMappings };
  const server = await addPod(by, "server", { runtimeConfig });
  const prevResult = { ...server.result, cniVersion: "1.0.0" };
  const mapped = await runPlugin(node(), "ADD", { type: "portmap", snat: true, runtimeConfig, prevResult }, server);
  expect(mapped).toMatchObject({ exitCode: 0 });
  for (const protocol of ["TCP", "UDP"] as const) await server.traffic.serve(protocol, 80);
  return server;
}

prepare(async () => {
  outside = await Outside.asDefaultRoute(node());
  host = new Traffic(node().namespace, (pid) => node().lab.track(pid));
  for (const by of kinds) {
    clients[by] = await addPod(by, "client");
    servers[by] = await addServer(by);
  }
});

/** Expects an outcome of TCP and UDP, to both of the node's addresses. */
async function expectAll(from: Parameters<typeof expectTraffic>[0], to: Kind, outcome: "answered" | "silent") {
  const attempts = (["TCP", "UDP"] as const).flatMap((protocol) =>
    [outside.node4, outside.node6].map((address) => expectTraffic(from, address, hostPorts[to], outcome, { protocol })),
  );
  await Promise.all(attempts);
}

/** Ingress of the servers. */
const serverPolicy = (ingress: NonNullable<Parameters<typeof networkPolicy>[0]["ingress"]>) =>
  networkPolicy({ name: "server", selects: { app: "server" }, ingress });

test.each(kinds)("a port that is mapped to a pod of %s answers the world", (by) => expectAll(outside, by, "answered"));

test.each(pairs)("a pod of %s reaches one of %s by its port of the node", async (from, to) => {
  await expectAll(clients[from], to, "answered");
});

test.each(kinds)("a pod of %s reaches itself by its port of the node", async (by) => {
  await expectTraffic(servers[by], outside.node4, hostPorts[by], "answered");
});

test("policy sees the client by the address that NAT has left it", async () => {
  await node().changeObjects("server.yaml", serverPolicy([{ from: [app("client")] }]));
  for (const [from, to] of pairs) {
    // portmap gives clients of the pod's own network the node's address: so they are the node, for policy.
    const isHidden = from === to && from !== "own";
    await expectAll(clients[from], to, isHidden ? "silent" : "answered");
  }
  for (const to of kinds) await expectAll(outside, to, "silent");
});

test("who is behind the node's address has not the node's right to reach its pods", async () => {
  await node().changeObjects("server.yaml", serverPolicy([]));
  for (const to of kinds) {
    await expectAll(clients[to], to, "silent");
    await expectTraffic(servers[to], outside.node4, hostPorts[to], "silent");
    await expectTraffic(host, outside.node4, hostPorts[to], "answered");
  }
});

test("a rule for the node lets in who is behind its address", async () => {
  const rule = { endpointSelector: { matchLabels: { app: "server" } }, ingress: [{ fromEntities: ["host"] }] };
  const policy = { apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy", metadata: { name: "server" }, spec: rule };
  await node().changeObjects("server.yaml", JSON.stringify(policy));
  for (const to of ["bridge", "ptp"] as const) await expectAll(clients[to], to, "answered");
  await expectAll(clients.own, "bridge", "silent");
});

test("nothing of it is dropped for its source", async () => {
  const counters = await node().client.bpf("counters");
  expect(counters.filter(({ reason }) => reason.startsWith("INVALID_SOURCE"))).toEqual([]);
});
