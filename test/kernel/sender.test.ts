import { beforeEach, expect, test } from "vitest";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import { settled } from "#agent/endpoint/guarded-endpoint.ts";
import { Action } from "#test/support/datapath.ts";
import { buildPacket } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { fromClient80, reasonOf, serverPolicy, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

const syn = { kind: "tcp", sport: 40_000, dport: 80, flags: ["SYN"] } as const;

test.each([
  ["10.0.0.9", "10.0.0.3"],
  ["10.0.0.3", "10.0.0.3"],
  ["fd00::9", "fd00::3"],
  ["::", "fd00::3"],
])("a pod cannot send as %s", async (source, destination) => {
  using pods = await TwoPods.with();
  const outcome = pods.toServer(syn, { source, destination });
  expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, DropReason.INVALID_SOURCE_IP]);
});

test("a pod cannot send from another MAC address", async () => {
  using pods = await TwoPods.with();
  const frame = buildPacket({
    sourceMac: pods.server.mac,
    destinationMac: pods.client.hostMac,
    source: "10.0.0.2",
    destination: "10.0.0.3",
    transport: syn,
  });
  expect(reasonOf(pods.datapath.send(pods.client, frame))).toBe(DropReason.INVALID_SOURCE_MAC);
});

test("a pod's mark changes nothing, and does not reach the receiver", async () => {
  using pods = await TwoPods.with(serverPolicy("[]"));
  const frame = pods.datapath.packet(pods.client, { source: "10.0.0.2", destination: "10.0.0.3", transport: syn });
  expect(pods.datapath.send(pods.client, frame, { mark: 0x0c00 }).action).toBe(Action.drop);
  await pods.setPolicy(serverPolicy(fromClient80));
  pods.datapath.place(pods.client);
  const { returnValue, mark } = pods.datapath.program("pod_egress").testRun({
    data: frame,
    context: { ifindex: 1, mark: 0x0c00 },
  });
  expect([returnValue, mark]).toEqual([Action.redirect, 0]);
});

test("the node reaches its pods whatever their policy says, and nobody else does as the node", async () => {
  using pods = await TwoPods.with(serverPolicy("[]"));
  const frame = pods.datapath.packet(pods.server, { source: "10.0.0.254", destination: "10.0.0.3", transport: syn });
  expect(pods.datapath.receive(pods.server, frame, { ingressIfindex: 1 }).events[0]?.reason).toBe(
    DropReason.INVALID_SOURCE_IP,
  );
  expect(pods.datapath.receive(pods.server, frame, { ingressIfindex: 0 }).action).toBe(Action.next);
});

test("a pod's address is believed only from its own interface", async () => {
  using pods = await TwoPods.with(serverPolicy(fromClient80));
  const frame = pods.datapath.packet(pods.server, { source: "10.0.0.2", destination: "10.0.0.3", transport: syn });
  const outcome = pods.datapath.receive(pods.server, frame, { ingressIfindex: 77 });
  expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, DropReason.INVALID_SOURCE_IP]);
  expect(pods.datapath.receive(pods.server, frame, { ingressIfindex: pods.client.ifindex }).action).toBe(Action.next);
});

test("the world is judged by the receiver's policy", async () => {
  using pods = await TwoPods.with(serverPolicy("[{from: [{ipBlock: {cidr: 192.0.2.0/25}}]}]"));
  const from = (source: string) => {
    const frame = pods.datapath.packet(pods.server, { source, destination: "10.0.0.3", transport: syn });
    return pods.datapath.receive(pods.server, frame, { ingressIfindex: 1 }).action;
  };
  expect(from("192.0.2.7")).toBe(Action.next);
  expect(from("192.0.2.200")).toBe(Action.drop);
});

test("an interface that nobody knows may neither send nor receive", async () => {
  using pods = await TwoPods.with("", { elsewhere: true });
  const frame = pods.datapath.packet(pods.client, { source: "10.0.0.2", destination: "10.0.0.3", transport: syn });
  const results = (["pod_egress", "pod_ingress"] as const).map((name) => {
    return pods.datapath.program(name).testRun({ data: frame, context: { ifindex: 1 } }).returnValue;
  });
  expect(results).toEqual([Action.drop, Action.drop]);
  expect(pods.datapath.events().map(({ reason }) => reason)).toEqual([
    DropReason.UNKNOWN_SENDER,
    DropReason.ENDPOINT_NOT_READY,
  ]);
});

test("an endpoint whose policy slot is missing is cut off, not open", async () => {
  using pods = await TwoPods.with();
  pods.datapath.kernel.endpoints.write(settled(pods.client, 4_000_000));
  expect(reasonOf(pods.toServer(syn))).toBe(DropReason.ENDPOINT_NOT_READY);
});

test("what is for a loopback address goes nowhere", async () => {
  using pods = await TwoPods.with();
  for (const destination of ["127.0.0.1", "127.255.255.255"]) {
    const outcome = pods.toServer(syn, { destination });
    expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, DropReason.UNROUTABLE]);
  }
});
