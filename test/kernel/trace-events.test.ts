import { beforeEach, describe, expect, test } from "vitest";
import * as fc from "fast-check";
import { ConnectionFlag, type EventRecord, EventType, Verdict } from "#agent/datapath/layouts.gen.ts";
import type { Outcome } from "#test/support/datapath.ts";
import type { TcpFlag, Transport } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { fromClient80, serverPolicy, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

const never = { config: { traceInterval: 3_600_000_000_000n } };
const request = (...flags: TcpFlag[]): Transport => ({ kind: "tcp", sport: 40_000, dport: 80, flags });
const reply = (...flags: TcpFlag[]): Transport => ({ kind: "tcp", sport: 80, dport: 40_000, flags });
const typesOf = ({ events }: Outcome): number[] => events.map(({ type }) => type);

function only({ events }: Outcome): EventRecord {
  const [event, ...others] = events;
  if (!event || others.length > 0) throw new Error(`${events.length} events for one packet`);
  return event;
}

describe.each([
  { way: "short", elsewhere: false },
  { way: "long", elsewhere: true },
])("on the $way way", ({ elsewhere }) => {
  test("a TCP connection is told of when it opens, is answered, closes on each side, and not between", async () => {
    using pods = await TwoPods.with(serverPolicy(fromClient80), { ...never, elsewhere });
    const told = [
      pods.toServer(request("SYN")),
      pods.toClient(reply("SYN", "ACK")),
      pods.toServer(request("ACK")),
      pods.toServer(request("PSH", "ACK")),
      pods.toClient(reply("ACK")),
      pods.toServer(request("FIN", "ACK")),
      pods.toServer(request("FIN", "ACK")),
      pods.toClient(reply("FIN", "ACK")),
      pods.toServer(request("ACK")),
    ].map(typesOf);
    const trace = [EventType.TRACE];
    expect(told).toEqual([[EventType.VERDICT], trace, [], [], [], trace, [], trace, []]);
  });

  test("one that goes on is told of again and again", async () => {
    using pods = await TwoPods.with("", { config: { traceInterval: 1n }, elsewhere: true });
    pods.toServer(request("SYN"));
    pods.toClient(reply("SYN", "ACK"));
    for (const n of [2n, 3n, 4n]) {
      const event = only(pods.toServer(request("ACK")));
      expect(event.packets).toEqual([n, 1n]);
    }
  });

  test("a datagram and the first answer to it are told of, and no other", async () => {
    using pods = await TwoPods.with("", { ...never, elsewhere });
    const there: Transport = { kind: "udp", sport: 5000, dport: 53 };
    const back: Transport = { kind: "udp", sport: 53, dport: 5000 };
    expect([there, there].map((one) => typesOf(pods.toServer(one)))).toEqual([[EventType.VERDICT], []]);
    expect([back, back].map((one) => typesOf(pods.toClient(one)))).toEqual([[EventType.TRACE], []]);
    expect(typesOf(pods.toServer(there))).toEqual([]);
  });

  test("it names both ends, their rules and the packet as the judgement did", async () => {
    using pods = await TwoPods.with(serverPolicy(fromClient80), { ...never, elsewhere });
    const verdict = only(pods.toServer(request("SYN")));
    const answer = only(pods.toClient(reply("SYN", "ACK")));
    // Nobody asks a class of a connection that goes on.
    const plain = (end: EventRecord["end"][0]) => ({ ...end, addressClass: 0 });
    expect(answer.end.map(plain)).toEqual(verdict.end.map(plain));
    expect(answer.end[1].verdict).toBe(Verdict.ALLOW);
    expect(answer).toMatchObject({
      type: EventType.TRACE,
      reason: 0,
      isReply: 1,
      sourcePort: 80,
      destinationPort: 40_000,
      generation: verdict.generation,
      connection: ConnectionFlag.SEEN_REPLY | (answer.connection & ConnectionFlag.SOURCE_IS_HIGH),
    });
  });

  test("its counts are those of all packets of the connection, whichever were told of", async () => {
    const bursts = fc.array(fc.record({ back: fc.boolean(), size: fc.integer({ min: 60, max: 1400 }) }), {
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(bursts, async (packets) => {
        using pods = await TwoPods.with("", { ...never, elsewhere });
        const sent = { packets: [0n, 0n], bytes: [0n, 0n] };
        const send = (back: boolean, flags: TcpFlag[], size: number): Outcome => {
          const [from, to] = back ? [pods.server, pods.client] : [pods.client, pods.server];
          const [sport, dport] = back ? [80, 40_000] : [40_000, 80];
          const frame = pods.datapath.packet(from, {
            source: from.ipv4 as string,
            destination: to.ipv4 as string,
            transport: { kind: "tcp", sport, dport, flags },
            size,
          });
          const end = back ? 1 : 0;
          sent.packets[end] = (sent.packets[end] ?? 0n) + 1n;
          sent.bytes[end] = (sent.bytes[end] ?? 0n) + BigInt(frame.length);
          return pods.datapath.send(from, frame);
        };
        send(false, ["SYN"], 60);
        send(true, ["SYN", "ACK"], 60);
        for (const { back, size } of packets) send(back, ["ACK"], size);
        send(false, ["FIN", "ACK"], 60);
        const { packets: counted, bytes } = only(send(true, ["FIN", "ACK"], 60));
        expect({ packets: counted, bytes }).toEqual(sent);
      }),
      { numRuns: 8 },
    );
  });
});

test("without an interval only judgements are told of", async () => {
  using pods = await TwoPods.with("", { config: { traceInterval: 0n } });
  expect(typesOf(pods.toServer(request("SYN")))).toEqual([EventType.VERDICT]);
  expect(typesOf(pods.toClient(reply("SYN", "ACK")))).toEqual([]);
  expect(typesOf(pods.toServer(request("FIN", "ACK")))).toEqual([]);
});
