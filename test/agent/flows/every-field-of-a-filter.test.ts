import { expect, test } from "vitest";
import type { StagedOutcome } from "#agent/api/flow.ts";
import { EventType } from "#agent/datapath/layouts.gen.ts";
import { flowFilter } from "#agent/flows/filter.ts";
import { FlowReader } from "#agent/flows/reader.ts";
import type { FlowRecord } from "#agent/flows/record.ts";
import { FlowRing } from "#agent/flows/ring.ts";
import { Random } from "#test/support/random.ts";
import { addEvent, filtering, query } from "./fixture.ts";
import { fields, type Message, ownFields, type RandomField } from "./random-filters.ts";
import { ManyParties, randomEvent, randomRequest } from "./random-flows.ts";
import { addRequest } from "./request-fixture.ts";

const all: typeof fields = { ...fields, ...ownFields };
const staged: readonly StagedOutcome[] = [{ direction: "ingress", verdict: "deny", rules: [] }];

/** A ring of random flows, and each of them as its JSON says it. */
class Flows {
  readonly everything: readonly Message[];
  readonly #ring: FlowRing;
  readonly #reader: FlowReader;

  constructor(seed: number, count: number) {
    const context = new ManyParties();
    this.#ring = new FlowRing(context, count);
    this.#reader = new FlowReader(this.#ring, context);
    const random = new Random(seed);
    for (let i = 0; i < count; i++) {
      if (random.chance(0.3)) {
        addRequest(this.#ring, randomRequest(random, BigInt(i)));
        continue;
      }
      const event = randomEvent(random, BigInt(i));
      // Only what policy judges is judged by what is staged, too.
      addEvent(this.#ring, event, event.type === EventType.VERDICT && random.chance(0.2) ? staged : []);
    }
    this.everything = this.#records.map((record) => JSON.parse(JSON.stringify(this.#reader.render(record))) as Message);
  }

  get #records(): FlowRecord[] {
    return Array.from({ length: this.#ring.next }, (_, i) => this.#ring.get(i)).filter(
      (record) => record !== undefined,
    );
  }

  /** Of those that a query selects. */
  uuids(parameters: Readonly<Record<string, string | string[]>>): string[] {
    const matches = flowFilter(query(parameters), filtering);
    return this.#records.filter(matches).map((record) => this.#reader.uuid(record));
  }
}

const uuids = (flows: readonly Message[]): unknown[] => flows.map(({ uuid }) => uuid);
const make = (random: Random, field: string): RandomField => {
  const one = all[field];
  if (one === undefined) throw new Error(`no filter has a field ${field}`);
  return { field, ...one(random) };
};
const filterOf = (parts: readonly RandomField[]): object =>
  Object.fromEntries(parts.map(({ field, values }) => [field, values]));
const textOf = (parts: readonly RandomField[]): string => JSON.stringify(filterOf(parts));

test("one field after the other selects what it says of the flow's JSON, and of nearly all some flows and not all", () => {
  const flows = new Flows(1, 300);
  const random = new Random(2);
  const selective = new Set<string>();
  const { everything } = flows;
  for (const field of Object.keys(all)) {
    for (let round = 0; round < 12; round++) {
      const part = make(random, field);
      const wanted = everything.filter(part.matches);
      expect([textOf([part]), flows.uuids({ whitelist: textOf([part]) })]).toEqual([textOf([part]), uuids(wanted)]);
      expect(flows.uuids({ blacklist: textOf([part]) })).toHaveLength(300 - wanted.length);
      if (wanted.length > 0 && wanted.length < 300) selective.add(field);
    }
  }
  // Those that say the same of every flow of this version.
  const constant = /trace|xlated|cluster|encrypted|node_/;
  expect(selective).toEqual(new Set(Object.keys(all).filter((field) => !constant.test(field))));
});

test("several fields, both lists and the query's own parameters together", () => {
  const flows = new Flows(3, 150);
  const { everything } = flows;
  const random = new Random(4);
  let matched = 0;
  for (let round = 0; round < 300; round++) {
    const lists = (): RandomField[][] =>
      random.list(0, 2, () => {
        const parts = random.list(0, 3, () => make(random, random.pick(Object.keys(all))));
        return [...new Map(parts.map((part) => [part.field, part])).values()];
      });
    const [white, black] = [lists(), lists()];
    const matches = (parts: readonly RandomField[], flow: Message): boolean =>
      parts.every((part) => part.matches(flow));
    const verdict = random.pick(["FORWARDED", "DROPPED", ""]);
    const wanted = everything.filter(
      (flow) =>
        (verdict === "" || flow["verdict"] === verdict) &&
        (white.length === 0 || white.some((parts) => matches(parts, flow))) &&
        !black.some((parts) => matches(parts, flow)),
    );
    const parameters = { whitelist: white.map(textOf), blacklist: black.map(textOf) };
    const found = flows.uuids({ ...parameters, ...(verdict === "" ? {} : { verdict }) });
    expect([parameters, found]).toEqual([parameters, uuids(wanted)]);
    matched += wanted.length;
  }
  expect(matched).toBeGreaterThan(2000);
});
