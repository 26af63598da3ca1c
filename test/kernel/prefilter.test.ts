import { beforeEach, expect, test } from "vitest";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import { Action, Datapath, loopback, type ProgramName } from "#test/support/datapath.ts";
import { buildArp, buildPacket } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";

beforeEach(needs("root"));

const macs = { sourceMac: "02:00:00:00:00:01", destinationMac: "02:00:00:00:00:02" };
const transport = { kind: "udp", sport: 5000, dport: 53 } as const;
const from = (source: string): Uint8Array =>
  buildPacket({ ...macs, source, destination: source.includes(":") ? "fd00::3" : "10.0.0.3", transport });

/** What a program of the node's devices says to a frame, and the reason of a drop. */
function run(datapath: Datapath, name: ProgramName, data: Uint8Array): [action: number, reason: number | undefined] {
  const { returnValue } = datapath.program(name).testRun({ data, context: { ifindex: loopback } });
  return [returnValue, datapath.events()[0]?.reason];
}

test("tc drops what a listed address sends, as long as it is asked, and nothing else", () => {
  using datapath = new Datapath();
  const { kernel } = datapath;
  const passes = [Action.next, undefined];
  const listed = [from("192.0.2.7"), from("2001:db8:7::1")];
  const others = [
    from("192.0.3.7"),
    from("2001:db8:8::1"),
    buildArp({ ...macs, senderIp: "192.0.2.7", targetIp: "10.0.0.3" }),
    buildPacket({ ...macs, source: "2001:db8:7::1", destination: "fd00::3", transport: { kind: "icmp", type: 135 } }),
  ];
  kernel.prefilter.add(["192.0.2.0/24", "2001:db8:7::/48"]);
  for (const frame of listed) expect(run(datapath, "from_netdev", frame)).toEqual(passes);
  kernel.earlyHooks.setTc(true);
  for (const frame of listed) {
    expect(run(datapath, "from_netdev", frame)).toEqual([Action.drop, DropReason.PREFILTER]);
    expect(run(datapath, "to_netdev", frame)).toEqual(passes);
  }
  for (const frame of others) expect(run(datapath, "from_netdev", frame)).toEqual(passes);
  kernel.prefilter.remove(["192.0.2.0/24"]);
  expect(run(datapath, "from_netdev", from("192.0.2.7"))).toEqual(passes);
});
