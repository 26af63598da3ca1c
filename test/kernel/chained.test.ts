import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { encodeAddress, encodeMac } from "#agent/datapath/address.ts";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import type { GuardedEndpoint } from "#agent/endpoint/guarded-endpoint.ts";
import { Action, type Outcome } from "#test/support/datapath.ts";
import { buildArp, buildPacket, buildSolicitation } from "#test/support/packet.ts";
import { needs, unmet } from "#test/support/requirement.ts";
import { fromClient80, reasonOf, serverPolicy, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

/** Devices by number: the bridge, the ports of client and server, and one of nobody's. */
const [bridge, clientPort, serverPort, foreignPort] = [900, 1002, 1003, 905];

const gateway = { mac: "0a:00:00:00:00:01", ipv4: "10.0.0.254", ipv6: "fd00::fe" };
/** Of the client's and the server's MAC address. */
const linkLocal = { client: "fe80::ff:fe00:2", server: "fe80::ff:fe00:3" };

let pods: TwoPods;
let client: GuardedEndpoint;
let server: GuardedEndpoint;

beforeAll(async () => {
  if (unmet("root") !== undefined) return;
  pods = new TwoPods({ elsewhere: true });
  const chain = (pod: GuardedEndpoint) => ({ ...pod, viaStack: true, chained: { bridge } });
  [client, server] = [chain(pods.client), chain(pods.server)];
  for (const pod of [client, server]) await pods.enforcement.add(pod);
  pods.enforcement.setNodeAddresses([gateway.ipv4, gateway.ipv6]);
  await pods.setPolicy(serverPolicy(fromClient80));
});
afterAll(() => pods?.[Symbol.dispose]());

const told = ({ action, ...outcome }: Outcome): [number, number | null] => [action, reasonOf(outcome)];
const passed = [Action.next, null];
const shut = [Action.drop, null];
const dropped = (reason: number): [number, number] => [Action.drop, reason];

const sent = (frame: Uint8Array): Outcome => pods.datapath.send(client, frame);
const came = (frame: Uint8Array, ingressIfindex: number): Outcome =>
  pods.datapath.receive(server, frame, { ingressIfindex });

describe("what is established between pods on a bridge", () => {
  const tcp = { kind: "tcp", sport: 4000, dport: 80 } as const;
  const frame = () =>
    buildPacket({
      sourceMac: client.mac,
      destinationMac: server.mac,
      source: client.ipv4 as string,
      destination: server.ipv4 as string,
      transport: { ...tcp, flags: ["SYN"] },
    });

  test("goes on to the bridge as it is, whatever MAC address it goes to", () => {
    const out = sent(frame());
    expect(out.action).toBe(Action.next);
    expect(out.packet).toEqual(frame());
    expect(out.events).toHaveLength(1);
  });

  test.each([
    ["by the sender's port", clientPort, Action.next],
    ["by the bridge, where the node has routed it", bridge, Action.next],
    ["by another port", foreignPort, Action.drop],
    ["by the receiver's own port", serverPort, Action.drop],
    ["from the node itself", 0, Action.drop],
  ])("comes to the receiver %s", (_, ingressIfindex, action) => {
    expect(came(frame(), ingressIfindex).action).toBe(action);
  });

  test("is seen by a port that it is not for, and dropped there without a word", () => {
    const flooded = buildPacket({
      sourceMac: server.mac,
      destinationMac: gateway.mac,
      source: server.ipv4 as string,
      destination: "192.0.2.1",
      transport: tcp,
    });
    expect(told(came(flooded, foreignPort))).toEqual(shut);
  });
});

describe("ARP that a pod sends", () => {
  const arp = (spec: Partial<Parameters<typeof buildArp>[0]>) =>
    buildArp({ sourceMac: "02:00:00:00:00:02", senderIp: "10.0.0.2", targetIp: gateway.ipv4, ...spec });

  test.each([
    ["a request", arp({}), passed],
    ["an answer", arp({ operation: 2 }), passed],
    ["an announcement", arp({ targetIp: "10.0.0.2" }), passed],
    ["a probe for its own address", arp({ senderIp: "0.0.0.0", targetIp: "10.0.0.2" }), passed],
    [
      "a probe for another address",
      arp({ senderIp: "0.0.0.0", targetIp: "10.0.0.3" }),
      dropped(DropReason.INVALID_SOURCE_IP),
    ],
    [
      "an answer for no address",
      arp({ senderIp: "0.0.0.0", targetIp: "10.0.0.2", operation: 2 }),
      dropped(DropReason.INVALID_SOURCE_IP),
    ],
    ["another's address", arp({ senderIp: gateway.ipv4 }), dropped(DropReason.INVALID_SOURCE_IP)],
    ["another's MAC address", arp({ senderMac: gateway.mac }), dropped(DropReason.INVALID_SOURCE_MAC)],
    ["what neither asks nor answers", arp({}).with(21, 3), dropped(DropReason.INVALID_PACKET)],
    ["what is cut off", arp({}).slice(0, 40), dropped(DropReason.INVALID_PACKET)],
  ])("%s", (_, frame, outcome) => {
    expect(told(sent(frame))).toEqual(outcome);
  });

  test("takes nothing else with it", () => {
    const secret = Buffer.from("secret");
    const request = arp({});
    request.set(secret, 32);
    const { packet } = sent(new Uint8Array(Buffer.concat([request, secret])));
    expect(packet).toEqual(arp({}));
  });
});

describe("ARP that comes to a pod", () => {
  const from = (senderIp: string, targetIp: string, operation: 1 | 2 = 1) =>
    buildArp({ sourceMac: "02:00:00:00:00:09", senderIp, targetIp, operation });

  test.each([
    ["a question of a pod's from its port", from("10.0.0.2", "10.0.0.3"), clientPort, passed],
    ["an answer of a pod's from its port", from("10.0.0.2", "10.0.0.3", 2), clientPort, passed],
    ["a question of the node's", from(gateway.ipv4, "10.0.0.3"), 0, passed],
    ["a question of a machine's behind the bridge", from("192.0.2.7", "10.0.0.3"), foreignPort, passed],
    ["an announcement of such", from("192.0.2.7", "192.0.2.7"), foreignPort, passed],
    ["a probe for the pod's own address", from("0.0.0.0", "10.0.0.3"), foreignPort, passed],
    ["a question to somebody else", from("10.0.0.2", gateway.ipv4), clientPort, shut],
    [
      "a pod's address from another port",
      from("10.0.0.2", "10.0.0.3"),
      foreignPort,
      dropped(DropReason.INVALID_SOURCE_IP),
    ],
    [
      "the gateway's address from a port",
      from(gateway.ipv4, "10.0.0.3", 2),
      foreignPort,
      dropped(DropReason.INVALID_SOURCE_IP),
    ],
    ["what is none", from("10.0.0.2", "10.0.0.3").with(18, 8), clientPort, dropped(DropReason.INVALID_PACKET)],
  ])("%s", (_, frame, ingressIfindex, outcome) => {
    expect(told(came(frame, ingressIfindex))).toEqual(outcome);
  });
});

interface Neighbour {
  readonly type: 133 | 134 | 135 | 136 | 137;
  readonly source: string;
  readonly destination: string;
  readonly target?: string;
  readonly option?: Uint8Array;
  readonly ttl?: number;
  readonly extensions?: readonly (readonly [number, Uint8Array])[];
}

const option = (type: number, mac: string): Uint8Array => Uint8Array.of(type, 1, ...encodeMac(mac));

/** A message of neighbour discovery to the server's MAC address. */
function nd({ type, target = "::", option: of = new Uint8Array(), ttl = 255, ...ip }: Neighbour): Uint8Array {
  const quoted = new Uint8Array(Buffer.concat([encodeAddress(target).bytes, of]));
  const macs = { sourceMac: "02:00:00:00:00:02", destinationMac: "02:00:00:00:00:03" };
  return buildPacket({ ...macs, ...ip, ttl, transport: { kind: "icmp", type, id: 0, quoted } });
}

/** The client says that an address is its own. */
const advertisement = (target: string, more: Partial<Neighbour> = {}) =>
  nd({
    type: 136,
    source: "fd00::2",
    destination: gateway.ipv6,
    target,
    option: option(2, "02:00:00:00:00:02"),
    ...more,
  });

describe("neighbour discovery that a pod sends", () => {
  const mac = "02:00:00:00:00:02";
  const solicit = (source: string, target: string) => buildSolicitation({ sourceMac: mac, source, target });
  const unicast = (more: Partial<Neighbour>) =>
    nd({ type: 135, source: "fd00::2", destination: gateway.ipv6, target: gateway.ipv6, ...more });

  test.each([
    ["a solicitation", solicit("fd00::2", gateway.ipv6), passed],
    ["one from its link-local address", solicit(linkLocal.client, "fe80::1"), passed],
    ["one to a neighbour that it knows", unicast({}), passed],
    ["an advertisement", advertisement("fd00::2"), passed],
    ["one of its link-local address", advertisement(linkLocal.client, { source: linkLocal.client }), passed],
    ["one without its MAC address", advertisement("fd00::2", { option: new Uint8Array() }), passed],
    [
      "duplicate address detection",
      nd({ type: 135, source: "::", destination: "ff02::1:ff00:2", target: "fd00::2" }),
      passed,
    ],
    [
      "the same with a nonce",
      nd({
        type: 135,
        source: "::",
        destination: "ff02::1:ff00:2",
        target: "fd00::2",
        option: option(14, gateway.mac),
      }),
      passed,
    ],
    [
      "the same for another's address",
      nd({ type: 135, source: "::", destination: "ff02::1:ff00:3", target: "fd00::3" }),
      dropped(DropReason.INVALID_SOURCE_IP),
    ],
    [
      "the same to somebody",
      nd({ type: 135, source: "::", destination: "fd00::2", target: "fd00::2" }),
      dropped(DropReason.FORBIDDEN_ICMPV6),
    ],
    ["a solicitation from another's address", solicit("fd00::3", gateway.ipv6), dropped(DropReason.INVALID_SOURCE_IP)],
    [
      "one from another's link-local address",
      solicit(linkLocal.server, gateway.ipv6),
      dropped(DropReason.INVALID_SOURCE_IP),
    ],
    [
      "one with another's MAC address",
      unicast({ option: option(1, gateway.mac) }),
      dropped(DropReason.INVALID_SOURCE_MAC),
    ],
    ["one with two options", unicast({ option: new Uint8Array(16) }), dropped(DropReason.INVALID_SOURCE_MAC)],
    ["one to somebody else than it asks for", unicast({ target: "fd00::3" }), dropped(DropReason.FORBIDDEN_ICMPV6)],
    ["an advertisement of another's address", advertisement("fd00::3"), dropped(DropReason.INVALID_SOURCE_IP)],
    [
      "one from another's address",
      advertisement("fd00::2", { source: "fd00::3" }),
      dropped(DropReason.INVALID_SOURCE_IP),
    ],
    [
      "one with another's MAC address",
      advertisement("fd00::2", { option: option(2, gateway.mac) }),
      dropped(DropReason.INVALID_SOURCE_MAC),
    ],
    [
      "one with more behind it",
      advertisement("fd00::2", { option: new Uint8Array(72) }),
      dropped(DropReason.INVALID_SOURCE_MAC),
    ],
    [
      "one that a router could have passed on",
      advertisement("fd00::2", { ttl: 254 }),
      dropped(DropReason.FORBIDDEN_ICMPV6),
    ],
    [
      "one behind an extension header",
      advertisement("fd00::2", { extensions: [[60, new Uint8Array(6)]] }),
      dropped(DropReason.FORBIDDEN_ICMPV6),
    ],
    [
      "one that ends before its target",
      advertisement("fd00::2").slice(0, 70).with(19, 16),
      dropped(DropReason.INVALID_PACKET),
    ],
    [
      "what routers say",
      nd({ type: 134, source: linkLocal.client, destination: "ff02::1" }),
      dropped(DropReason.FORBIDDEN_ICMPV6),
    ],
    [
      "a redirect",
      nd({ type: 137, source: linkLocal.client, destination: "fd00::3" }),
      dropped(DropReason.FORBIDDEN_ICMPV6),
    ],
    [
      "a question for a router, without a word",
      nd({ type: 133, source: linkLocal.client, destination: "ff02::2" }),
      shut,
    ],
  ])("%s", (_, frame, outcome) => {
    expect(told(sent(frame))).toEqual(outcome);
  });

  test("takes nothing else with it", () => {
    const frame = advertisement("fd00::2");
    const { packet } = sent(new Uint8Array(Buffer.concat([frame, Buffer.from("secret")])));
    expect(packet).toEqual(frame);
  });
});

describe("neighbour discovery that comes to a pod", () => {
  const solicitation = (source: string, target: string) =>
    nd({ type: 135, source, destination: "fd00::3", target, option: option(1, "02:00:00:00:00:02") });
  const answer = (target: string, more: Partial<Neighbour> = {}) =>
    advertisement(target, { source: target, destination: "fd00::3", ...more });

  test.each([
    ["a question of a pod's from its port", solicitation("fd00::2", "fd00::3"), clientPort, passed],
    ["one for the pod's link-local address", solicitation("fe80::1", linkLocal.server), clientPort, passed],
    ["a probe for the pod's own address", solicitation("::", "fd00::3"), foreignPort, passed],
    ["an answer of a pod's from its port", answer("fd00::2"), clientPort, passed],
    ["an answer of a router's behind the bridge", answer("2001:db8::1"), foreignPort, passed],
    ["anything of the node's", nd({ type: 134, source: "fe80::1", destination: "ff02::1" }), 0, passed],
    ["a question to somebody else", solicitation("fd00::2", "fd00::4"), clientPort, shut],
    ["a pod's address from another port", answer("fd00::2"), foreignPort, dropped(DropReason.INVALID_SOURCE_IP)],
    [
      "a pod's question from another port",
      solicitation("fd00::2", "fd00::3"),
      foreignPort,
      dropped(DropReason.INVALID_SOURCE_IP),
    ],
    ["the gateway's address from a port", answer(gateway.ipv6), foreignPort, dropped(DropReason.INVALID_SOURCE_IP)],
    [
      "what a router has passed on",
      answer("2001:db8::1", { ttl: 254 }),
      foreignPort,
      dropped(DropReason.FORBIDDEN_ICMPV6),
    ],
    [
      "what a router says that is not the node",
      nd({ type: 134, source: "fe80::1", destination: "ff02::1" }),
      foreignPort,
      dropped(DropReason.FORBIDDEN_ICMPV6),
    ],
  ])("%s", (_, frame, ingressIfindex, outcome) => {
    expect(told(came(frame, ingressIfindex))).toEqual(outcome);
  });
});

describe("multicast listener discovery", () => {
  const alert = [0, Uint8Array.of(5, 2, 0, 0, 1, 0)] as const;
  const message = (type: number, source: string, destination: string, ttl = 1) => {
    const macs = { sourceMac: "02:00:00:00:00:02", destinationMac: "33:33:00:00:00:16" };
    const transport = { kind: "icmp", type, quoted: new Uint8Array(20) } as const;
    return buildPacket({ ...macs, source, destination, ttl, transport, extensions: [alert] });
  };

  test.each([
    ["a pod says which groups it wants", message(143, "fe80::2", "ff02::16"), passed],
    ["also before it has an address", message(143, "::", "ff02::16"), passed],
    ["also of version 1", message(131, "fe80::2", "ff02::1:ff00:2"), passed],
    ["and which no more", message(132, "fe80::2", "ff02::2"), passed],
    ["but not to others than the link", message(143, "fe80::2", "ff05::16"), shut],
    ["nor further than the link", message(143, "fe80::2", "ff02::16", 2), shut],
    ["and it asks nobody", message(130, "fe80::2", "ff02::1"), shut],
  ])("%s", (_, frame, outcome) => {
    expect(told(sent(frame))).toEqual(outcome);
  });

  test.each([
    ["it is asked by the bridge", message(130, "fe80::1", "ff02::1"), passed],
    ["it hears nobody's answers", message(143, "fe80::2", "ff02::16"), shut],
  ])("%s", (_, frame, outcome) => {
    expect(told(came(frame, foreignPort))).toEqual(outcome);
  });
});
