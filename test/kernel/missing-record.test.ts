import { BpfMap } from "libbpf-ts";
import { beforeEach, describe, expect, test } from "vitest";
import { toKey } from "#agent/datapath/kernel-endpoints.ts";
import { DropReason, endpointEntry, endpointKey } from "#agent/datapath/layouts.gen.ts";
import { listed } from "#test/support/listed.ts";
import { Action, type Outcome } from "#test/support/datapath.ts";
import { buildIpPacket } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { reasonOf, serverPolicy, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

const isolated = serverPolicy("[]").replace("policyTypes: [Ingress]", "policyTypes: [Ingress, Egress]");
const udp = { kind: "udp", sport: 5000, dport: 53 } as const;
const [own, world] = ["10.0.0.3", "192.0.2.1"];

function forget(pods: TwoPods, address: string): void {
  using handle = pods.datapath.openMap("endpoints");
  new BpfMap(handle, endpointKey, endpointEntry).delete(toKey(address));
}

const send = (pods: TwoPods, destination: string): Outcome =>
  pods.datapath.send(pods.server, pods.datapath.packet(pods.server, { source: own, destination, transport: udp }));
const receive = (pods: TwoPods, source: string): Outcome => {
  const frame = pods.datapath.packet(pods.server, { source, destination: own, transport: udp });
  return pods.datapath.receive(pods.server, frame, { ingressIfindex: 1 });
};
const notReady = (outcome: Outcome): void =>
  expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, DropReason.ENDPOINT_NOT_READY]);

describe("a pod without its record by address is cut off, not open", () => {
  test("whatever its policy says", async () => {
    using pods = await TwoPods.with(isolated);
    forget(pods, own);
    notReady(send(pods, world));
    notReady(send(pods, "10.0.0.2"));
    notReady(receive(pods, world));
    expect(await listed(pods.datapath.kernel.connections)).toEqual([]);
  });

  test("for its connections, too, when they are judged again", async () => {
    using pods = await TwoPods.with();
    expect(send(pods, world).action).toBe(Action.next);
    forget(pods, own);
    pods.datapath.kernel.control.advanceGeneration();
    notReady(send(pods, world));
    const quoted = buildIpPacket({ source: own, destination: world, transport: udp });
    const error = { source: world, destination: own, transport: { kind: "icmp", type: 3, quoted } as const };
    const frame = pods.datapath.packet(pods.server, error);
    notReady(pods.datapath.receive(pods.server, frame, { ingressIfindex: 1 }));
  });

  test("where the record is another's who has the address now", async () => {
    using pods = await TwoPods.with();
    pods.datapath.kernel.endpoints.write({
      ...(pods.datapath.kernel.endpoints.read().get(pods.server.id) ?? expect.fail("there is no such endpoint")),
      incarnation: 99,
      ifindex: 77,
    });
    notReady(send(pods, world));
  });
});
