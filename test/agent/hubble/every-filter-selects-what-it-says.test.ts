import { expect, test } from "vitest";
import { addEvent } from "#test/agent/flows/fixture.ts";
import type { Message } from "#test/support/hubble-client.ts";
import { Random } from "#test/support/random.ts";
import { HubbleFixture } from "./hubble-fixture.ts";
import { fields, type RandomField } from "#test/agent/flows/random-filters.ts";
import { ManyParties, randomEvent, randomRequest } from "#test/agent/flows/random-flows.ts";
import { addRequest } from "#test/agent/flows/request-fixture.ts";

async function filled(seed: number, count: number): Promise<HubbleFixture> {
  const hubble = await HubbleFixture.start({ context: new ManyParties(), capacity: count });
  const random = new Random(seed);
  for (let i = 0; i < count; i++) {
    if (random.chance(0.3)) addRequest(hubble.ring, randomRequest(random, BigInt(i)));
    else addEvent(hubble.ring, randomEvent(random, BigInt(i)));
  }
  return hubble;
}

const uuids = (flows: readonly Message[]): unknown[] => flows.map(({ uuid }) => uuid);
const make = (random: Random, field: string): RandomField => {
  const one = fields[field];
  if (one === undefined) throw new Error(`no filter has a field ${field}`);
  return { field, ...one(random) };
};
const filterOf = (parts: readonly RandomField[]): object =>
  Object.fromEntries(parts.map(({ field, values }) => [field, values]));

test("one field after the other, and of nearly all some flows and not all", async () => {
  await using hubble = await filled(1, 150);
  const all = await hubble.client.flows();
  expect(all).toHaveLength(150);
  const random = new Random(2);
  const selective: string[] = [];
  // Those that say the same of every flow of this version, and names, which few flows have.
  const constant = /fqdn|trace|xlated|cluster|encrypted|node_/;
  for (const field of Object.keys(fields)) {
    const rounds = constant.test(field) ? 3 : 12;
    for (let round = 0; round < rounds && !(round > 2 && selective.includes(field)); round++) {
      const part = make(random, field);
      const wanted = all.filter(part.matches);
      const found = await hubble.client.flows({ whitelist: [filterOf([part])] });
      expect([part, uuids(found)]).toEqual([part, uuids(wanted)]);
      if (found.length > 0 && found.length < all.length && !constant.test(field)) selective.push(field);
    }
  }
  expect(new Set(selective)).toEqual(new Set(Object.keys(fields).filter((field) => !constant.test(field))));
});

test("several fields, whitelist and blacklist together", async () => {
  await using hubble = await filled(3, 100);
  const all = await hubble.client.flows();
  const random = new Random(4);
  const names = Object.keys(fields);
  let matched = 0;
  for (let round = 0; round < 150; round++) {
    const filters = () => random.list(0, 2, () => random.list(0, 3, () => make(random, random.pick(names))));
    const [white, black] = [filters(), filters()];
    const matches = (parts: readonly RandomField[], flow: Message): boolean => {
      const byField = new Map(parts.map((part) => [part.field, part]));
      return [...byField.values()].every((part) => part.matches(flow));
    };
    const wanted = all.filter(
      (flow) =>
        (white.length === 0 || white.some((parts) => matches(parts, flow))) &&
        !black.some((parts) => matches(parts, flow)),
    );
    const request = { whitelist: white.map(filterOf), blacklist: black.map(filterOf) };
    expect([request, uuids(await hubble.client.flows(request))]).toEqual([request, uuids(wanted)]);
    matched += wanted.length;
  }
  expect(matched).toBeGreaterThan(1000);
});

test("a flow by its name", async () => {
  await using hubble = await filled(5, 50);
  const all = await hubble.client.flows();
  const [one, two] = [all[7], all[31]];
  const nobody = "00000000-0000-8000-8000-000000000000";
  const whitelist = [{ uuid: [two?.["uuid"], nobody, one?.["uuid"]] }];
  expect(uuids(await hubble.client.flows({ whitelist }))).toEqual(uuids([one ?? {}, two ?? {}]));
});
