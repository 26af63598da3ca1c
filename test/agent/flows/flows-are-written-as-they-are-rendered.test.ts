import { expect, test } from "vitest";
import type { StagedOutcome } from "#agent/api/flow.ts";
import { type EventRecord, EventType } from "#agent/datapath/layouts.gen.ts";
import { FlowReader } from "#agent/flows/reader.ts";
import { FlowRing } from "#agent/flows/ring.ts";
import { ManyParties, randomEvent } from "./random-flows.ts";
import { Random } from "#test/support/random.ts";
import { addEvent, dbRule, lineOf, query } from "./fixture.ts";

const staged: StagedOutcome = { direction: "ingress", verdict: "deny", rules: [dbRule] };

/** Any event, of few kinds, so that many are alike but for what is the packet's own. */
function anyEvent(random: Random, time: bigint): EventRecord {
  const event = randomEvent(random, time);
  const isTrace = event.type === EventType.VERDICT && event.reason === 0 && random.chance(0.5);
  return {
    ...event,
    generation: BigInt(random.integer(0, 2)),
    tcpFlags: random.integer(0, 255),
    ifindex: random.integer(0, 2),
    line: random.integer(0, 1),
    ...(isTrace
      ? {
          type: EventType.TRACE,
          connection: random.integer(0, 15),
          packets: [time, 2n],
          bytes: [time * 60n, 1n << 60n],
        }
      : {}),
  };
}

test("a flow's JSON is that of the rendered flow, whichever flows were written before", async () => {
  const random = new Random(7);
  const context = new ManyParties();
  const ring = new FlowRing(context, 20_000);
  const reader = new FlowReader(ring, context);
  for (let i = 0; i < 20_000; i++) {
    addEvent(ring, anyEvent(random, BigInt(i)), random.chance(0.05) ? [staged] : [], random.chance(0.5));
  }
  const signal = new AbortController().signal;
  const written: unknown[] = [];
  for await (const lines of reader.read(query(), signal)) written.push(...lines.map(lineOf));
  const rendered: unknown[] = [];
  const everything = { matches: () => true, from: "oldest", follow: false, lost: false } as const;
  for await (const items of reader.records(everything, signal)) {
    rendered.push(...items.map((item) => ("event" in item ? reader.render(item) : item)));
  }
  expect(written).toHaveLength(20_000);
  expect(written).toEqual(rendered);
});
