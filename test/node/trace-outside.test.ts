import { expect, test } from "vitest";
import type { Evaluation } from "#agent/api/policy-views.ts";
import type { Trace } from "#agent/api/trace-views.ts";
import { until } from "#agent/local/until.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { hostPolicy, ports } from "#test/support/object-text.ts";
import { Outside } from "#test/support/outside.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({
  objects: {
    "server.yaml": networkPolicy({
      name: "server",
      selects: { app: "server" },
      ingress: [{ from: [{ ipBlock: { cidr: "192.0.2.0/24" } }], ports: [{ port: 80 }] }],
    }),
    "client.yaml": networkPolicy({
      name: "client",
      selects: { app: "client" },
      egress: [{ to: [{ ipBlock: { cidr: "192.0.2.0/24" } }], ports: [{ port: 80 }] }],
    }),
  },
});
const pods = usePods(node, ["server", "client"]);
let outside: Outside;

prepare(async () => {
  outside = await Outside.asDefaultRoute(node());
});

const programs = ({ steps }: Trace): string[] => steps.map(({ program }) => program?.name ?? "stack");

/** Both answers to one question; they agree. */
async function traced(from: string, to: string, port: number): Promise<Trace> {
  const target = to.includes(":") ? `[${to}]:${port}` : `${to}:${port}`;
  const trace = await node().read<Trace>("trace", "--from", from, "--to", target);
  const question = ["--from", from, "--to", to, "--port", String(port)];
  const evaluation = await node().read<Evaluation>("policy", "eval", ...question);
  expect(trace.differences).toEqual([]);
  expect(trace.verdict).toBe(evaluation.verdict);
  return trace;
}

test("a pod's packet to the world leaves under the node's address", async () => {
  const allowed = await traced("default/client", outside.ipv4, 80);
  expect(programs(allowed)).toEqual(["pod_egress", "stack", "to_netdev"]);
  expect(allowed.outcome).toMatch(new RegExp(`^leaves by outside as ${outside.node4}:\\d+$`));
  expect(allowed).toMatchObject({ verdict: "allow", egress: { by: [{ file: "client.yaml" }] } });
  expect(await node().read("bpf", "nat", "list")).toEqual([]);
  const denied = await traced("default/client", outside.ipv4, 81);
  expect(programs(denied)).toEqual(["pod_egress"]);
  expect(denied).toMatchObject({ verdict: "deny", egress: { nearest: { file: "client.yaml" } } });
  const ipv6 = await traced("default/server", outside.ipv6, 80);
  expect(ipv6.outcome).toMatch(/^leaves by outside as \[2001:db8::1\]:\d+$/);
});

test("the world's packet to a pod comes by the device and meets the pod's policy", async () => {
  for (const [port, verdict] of [
    [80, "allow"],
    [81, "deny"],
  ] as const) {
    const trace = await traced(outside.ipv4, "default/server", port);
    expect(programs(trace)).toEqual(["stack", "from_netdev", "stack", "pod_ingress"]);
    expect(trace.verdict).toBe(verdict);
  }
  expect(await traced(outside.ipv6, "default/server", 80)).toMatchObject({ verdict: "deny" });
});

test("the world's, and a pod's, to the node itself", async () => {
  expect(await traced(outside.ipv4, outside.node4, 22)).toMatchObject({
    verdict: "allow",
    outcome: "delivered to the node itself",
  });
  expect(await traced("default/server", pods.server.gateway4, 22)).toMatchObject({
    outcome: "delivered to the node itself",
  });
  await node().changeObjects("host.yaml", hostPolicy({ ingress: [{ fromEntities: ["world"], toPorts: ports(80) }] }));
  const denied = await traced(outside.ipv4, outside.node4, 8080);
  expect(denied).toMatchObject({ verdict: "deny", ingress: { nearest: { file: "host.yaml" } } });
  expect(await traced(outside.ipv4, outside.node4, 80)).toMatchObject({ verdict: "allow" });
  expect(await traced("default/server", outside.node4, 80)).toMatchObject({ verdict: "deny" });
  expect(await traced(outside.node4, "default/server", 81)).toMatchObject({ verdict: "allow" });
  await node().changeObjects("host.yaml", null);
});

test("listed addresses end at the device", async () => {
  expect((await node().weir("prefilter", "add", "192.0.2.2")).code).toBe(0);
  const args = ["trace", "--from", outside.ipv4, "--to", "default/server:80"];
  const trace = await node().read<Trace>(...args);
  expect(trace).toMatchObject({ verdict: "deny", dropReason: "PREFILTER" });
  // No program has asked policy: what that would say is told all the same.
  const denied = await node().read<Trace>("trace", "--from", outside.ipv4, "--to", "default/server:81");
  expect(denied).toMatchObject({
    dropReason: "PREFILTER",
    ingress: { verdict: "deny", nearest: { file: "server.yaml" } },
  });
  expect((await node().weir("prefilter", "add", "198.51.100.1")).code).toBe(0);
  expect((await node().weir("prefilter", "delete", "192.0.2.2")).code).toBe(0);
  expect(await node().read<Trace>(...args)).toMatchObject({ verdict: "allow", differences: [] });
  expect((await node().weir("prefilter", "delete", "198.51.100.1")).code).toBe(0);
  expect(await node().read<Trace>(...args)).toMatchObject({ verdict: "allow", differences: [] });
});

test("an answer to a masqueraded flow finds its pod, and the connection that it is of", async () => {
  await outside.traffic.serve("TCP", 80);
  await using _stream = await pods.client.traffic.stream({ protocol: "TCP", address: outside.ipv4, port: 80 });
  const [mapping] = await until("the mapping", async () => {
    const all = await node().client.bpf("nat");
    const open = all.filter(({ destinationPort, state }) => destinationPort === 80 && state === "open");
    return open.length > 0 ? open : undefined;
  });
  const to = `${outside.node4}:${mapping?.translatedPort}`;
  const answer = ["--from", outside.ipv4, "--source-port", "80", "--to", to, "--flags", "ACK"];
  const trace = await node().read<Trace>("trace", ...answer);
  expect(programs(trace)).toEqual(["stack", "from_netdev", "stack", "pod_ingress"]);
  expect(trace).toMatchObject({ verdict: "allow", egress: { by: [{ file: "client.yaml" }] }, differences: [] });
  expect(trace.outcome).toMatch(/^delivered to pod default\/client/);
});
