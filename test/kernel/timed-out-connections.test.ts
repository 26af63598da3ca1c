import { beforeEach, expect, test } from "vitest";
import type { Connection } from "#agent/datapath/kernel.ts";
import { ConnectionFlag, EventType } from "#agent/datapath/layouts.gen.ts";
import { timedOut } from "#agent/node/timed-out.ts";
import type { Transport } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { fromClient80, serverPolicy, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

const hour = 3_600_000_000_000n;
const there: Transport = { kind: "udp", sport: 40_000, dport: 53 };
const back: Transport = { kind: "udp", sport: 53, dport: 40_000 };

/** What is told of each connection that is over in three hours. */
async function ended({ datapath: { kernel } }: TwoPods) {
  const connections: Connection[] = [];
  await kernel.connections.sweep(kernel.now() + 3n * hour, (connection) => connections.push(connection));
  return connections.map(timedOut);
}

test("a connection that times out is told of with all its packets, and once", async () => {
  using pods = await TwoPods.with();
  const [verdict] = pods.toServer(there).events;
  pods.toClient(back);
  for (let i = 0; i < 3; i++) pods.toServer(there);
  const lengths = [4n * BigInt(verdict?.length ?? 0), BigInt(verdict?.length ?? 0)];
  expect(await ended(pods)).toEqual([
    {
      ...verdict,
      type: EventType.TRACE,
      time: expect.any(BigInt) as bigint,
      ifindex: 0,
      length: 0,
      end: verdict?.end.map((end) => ({ ...end, addressClass: 0 })),
      packets: [4n, 1n],
      bytes: lengths,
      connection: expect.any(Number) as number,
    },
  ]);
  expect(await ended(pods)).toEqual([]);
});

test("its flags say that nobody has closed it", async () => {
  using pods = await TwoPods.with(serverPolicy(fromClient80));
  const tcp = (...flags: ("SYN" | "ACK")[]): Transport => ({ kind: "tcp", sport: 40_000, dport: 80, flags });
  pods.toServer(tcp("SYN"));
  pods.toServer(tcp("SYN"));
  const [event] = await ended(pods);
  expect((event?.connection ?? 0) & ConnectionFlag.TIMED_OUT).toBe(ConnectionFlag.TIMED_OUT);
  expect((event?.connection ?? 0) & ConnectionFlag.SOURCE_CLOSING).toBe(0);
});

test("of what has been told to the last packet nothing is told again", async () => {
  using pods = await TwoPods.with();
  pods.toServer(there);
  pods.toClient(back);
  expect(await ended(pods)).toEqual([null]);
});
