import { beforeEach, describe, expect, test } from "vitest";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import { Action } from "#test/support/datapath.ts";
import { buildPacket } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { fromClient80, reasonOf, serverPolicy, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

const node = { ipv4: "10.0.0.254", ipv6: "fd00::fe" };
/** A device of the node's that no pod has. */
const foreign = 905;
/** Of the device of test runs: what goes there is for the stack; any other frame a bridge would have passed on. */
const [forStack, forOthers] = ["00:00:00:00:00:00", "02:00:00:00:00:03"];

/** A packet to the server that has the node's address. */
function arrives(
  { datapath, server, client }: TwoPods,
  family: "ipv4" | "ipv6",
  by: { readonly device: "node" | "pod" | "nobody"; readonly mac?: string; readonly sport?: number },
) {
  const { device, mac = forStack, sport = 4000 } = by;
  const frame = buildPacket({
    sourceMac: "0a:00:00:00:00:01",
    destinationMac: mac,
    source: node[family],
    destination: server[family] as string,
    transport: { kind: "udp", sport, dport: 80 },
  });
  const ingressIfindex = { node: 0, pod: client.ifindex, nobody: foreign }[device];
  const outcome = datapath.receive(server, frame, { ingressIfindex });
  return [outcome.action, reasonOf(outcome)];
}

const passed = [Action.next, 0];
const spoofed = [Action.drop, DropReason.INVALID_SOURCE_IP];

describe("what the stack forwards under the node's address", () => {
  test.each([
    ["ipv4", "pod", passed],
    ["ipv4", "nobody", passed],
    ["ipv6", "pod", passed],
    // The kernel would take that from outside.
    ["ipv6", "nobody", spoofed],
  ] as const)("by %s from a device of %s", async (family, device, outcome) => {
    using pods = await TwoPods.with();
    expect(arrives(pods, family, { device })).toEqual(outcome);
  });

  test.each(["ipv4", "ipv6"] as const)("is not what a bridge has passed on: %s", async (family) => {
    using pods = await TwoPods.with();
    expect(arrives(pods, family, { device: "pod", mac: forOthers })).toEqual(spoofed);
  });

  test("is denied where policy lets the node itself pass", async () => {
    using pods = await TwoPods.with(serverPolicy(fromClient80));
    expect(arrives(pods, "ipv4", { device: "node" })).toEqual(passed);
    const denied = [Action.drop, DropReason.POLICY_DENIED];
    expect(arrives(pods, "ipv4", { device: "pod", sport: 4001 })).toEqual(denied);
    // Nor does it go on what the node has begun by the same ports.
    expect(arrives(pods, "ipv4", { device: "pod" })).toEqual(denied);
  });

  test("is allowed where policy allows the node's address, and answered through the stack", async () => {
    using pods = await TwoPods.with(serverPolicy(`[{from: [{ipBlock: {cidr: ${node.ipv4}/32}}]}]`), {});
    expect(arrives(pods, "ipv4", { device: "pod" })).toEqual(passed);
    const reply = pods.datapath.packet(pods.server, {
      source: pods.server.ipv4 as string,
      destination: node.ipv4,
      transport: { kind: "udp", sport: 80, dport: 4000 },
    });
    expect(pods.datapath.send(pods.server, reply).action).toBe(Action.next);
    await pods.setPolicy(serverPolicy("[]"));
    expect(pods.datapath.send(pods.server, reply).action).toBe(Action.drop);
  });
});
