import { beforeEach, expect, test } from "vitest";
import { CaptureSize, DropReason } from "#agent/datapath/layouts.gen.ts";
import type { CapturedPacket } from "#agent/datapath/kernel-captures.ts";
import { loopback } from "#test/support/datapath.ts";
import { needs } from "#test/support/requirement.ts";
import { fromClient80, serverPolicy, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

const forever = 1n << 62n;

/** The next packets that are captured. */
async function next({ datapath }: TwoPods): Promise<readonly CapturedPacket[]> {
  const done = new AbortController();
  for await (const packets of datapath.kernel.captures.read(done.signal)) return packets;
  throw new Error("capture: the reader ended");
}

/** A datagram of the client's that policy denies, and what the program was given. */
function send(pods: TwoPods, dport: number, size = 0): Uint8Array {
  const { client, server, datapath } = pods;
  const transport = { kind: "udp", sport: 5000, dport } as const;
  const ends = { source: client.ipv4 as string, destination: server.ipv4 as string };
  const frame = datapath.packet(client, { ...ends, transport, size });
  datapath.send(client, frame);
  return frame;
}

test("a dropped packet is captured as it was, with its event, and one that passes is not", async () => {
  using pods = await TwoPods.with(serverPolicy("[{ports: [{port: 80, protocol: UDP}]}]"));
  pods.datapath.kernel.captures.order(forever, 256);
  send(pods, 80);
  const small = send(pods, 81);
  const large = send(pods, 82, 1000);
  const packets = await next(pods);
  expect(packets.map(({ bytes }) => Buffer.from(bytes).toString("hex"))).toEqual([
    Buffer.from(small).toString("hex"),
    Buffer.from(large.subarray(0, 256)).toString("hex"),
  ]);
  expect(packets.map(({ event }) => [event.reason, event.destinationPort, event.length, event.ifindex])).toEqual([
    [DropReason.POLICY_DENIED, 81, small.length, loopback],
    [DropReason.POLICY_DENIED, 82, large.length, loopback],
  ]);
  expect(packets[0]?.event).toMatchObject({ end: [{ identity: 256 }, { identity: 257 }] });
});

test("so many bytes are captured as there is room for, whatever is asked", async () => {
  using pods = await TwoPods.with(serverPolicy("[]"));
  pods.datapath.kernel.captures.order(forever, 0xffff_ffff);
  const frame = send(pods, 81, 1900);
  const [packet] = await next(pods);
  expect(packet?.bytes).toEqual(frame.subarray(0, CaptureSize.CAPTURE_BYTES));
});

test("nothing is captured before, after, or past the end of an order", async () => {
  using pods = await TwoPods.with(serverPolicy(fromClient80));
  const { kernel } = pods.datapath;
  const { captures } = kernel;
  send(pods, 80);
  captures.order(kernel.now(), 256);
  send(pods, 81);
  captures.order(forever, 256);
  send(pods, 82);
  captures.stop();
  send(pods, 83);
  captures.order(forever, 256);
  send(pods, 84);
  expect((await next(pods)).map(({ event }) => event.destinationPort)).toEqual([84]);
});

test("what finds no room is counted, and what is read and lost is all there was", async () => {
  using pods = await TwoPods.with(serverPolicy("[]"));
  const { captures } = pods.datapath.kernel;
  captures.order(forever, 1600);
  const sent = 1000;
  for (let i = 0; i < sent; i++) send(pods, 81, 1400);
  const lost = Number(captures.lost());
  expect(lost).toBeGreaterThan(0);
  let read = 0;
  while (read < sent - lost) read += (await next(pods)).length;
  expect(read + lost).toBe(sent);
});
