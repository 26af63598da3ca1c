import { expect, test } from "vitest";
import { type Flow, type Party, reservedOf } from "#policy/model/flow.ts";
import { parseAddress } from "#policy/model/cidr.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { type PartyClass, type PartyMember, isSameMember, partyOf } from "#policy/simulate/party-class.ts";
import { type TrafficClasses, trafficClasses } from "#policy/simulate/traffic-classes.ts";
import { World } from "#policy/simulate/world.ts";
import { randomChange } from "../diff/random-change.ts";

const CLUSTERS = 150;

/** The class of a party, and who it is there; exactly one. */
function classOf({ parties }: TrafficClasses, party: Party, objects: readonly PolicyObject[]): PartyClass {
  const kind = party.subject ? "pod" : reservedOf(party);
  const address = party.address ?? "";
  const names = objects.flatMap((object) => {
    if ((object.kind !== "Pod" && object.kind !== "Node") || !object.addresses.includes(address)) return [];
    return object.kind === "Pod" ? `${object.namespace}/${object.name}` : object.name;
  });
  const parsed = parseAddress(address);
  const cell = parsed && parties.cells.cellOf(parsed);
  const found = parties.classes.filter((one) => {
    if (one.kind !== kind) return false;
    if (one.cells.length > 0) return cell !== null && one.cells.includes(cell);
    return one.members.some(({ name }) => names.includes(name) || name === address);
  });
  expect(found, JSON.stringify(party)).toHaveLength(1);
  return found[0] as PartyClass;
}

test(`${CLUSTERS} random clusters: every party is in one class, and what holds for others of it holds for the party`, () => {
  let others = 0;
  for (let seed = 1; seed <= CLUSTERS; seed++) {
    const { after: objects, flows } = randomChange(seed, { flows: 40, controls: false });
    const traffic = trafficClasses([new World(objects)]);
    const kinds = new Set(traffic.parties.classes.map(({ kind }) => kind));
    const named = new Set(traffic.segments.map(({ protocol }) => protocol));
    for (const [, flow] of flows) {
      // Of whom neither objects nor rules tell nobody has to speak.
      if (![flow.source, flow.destination].every((one) => kinds.has(one.subject ? "pod" : reservedOf(one)))) continue;
      // Names are no matter of classes of parties.
      const source = withoutNames(flow.source);
      const destination = withoutNames(flow.destination);
      const [a, b] = [classOf(traffic, source, objects), classOf(traffic, destination, objects)];
      const protocol = named.has(flow.protocol) ? flow.protocol : "other";
      const segments = traffic.segments.filter(
        (one) => one.protocol === protocol && one.first <= flow.port && flow.port <= one.last,
      );
      expect(segments).toHaveLength(1);
      const family = flow.source.address?.includes(":") ? 6 : 4;
      const pairs = pairsOf(a, b);
      for (const [from, to] of [pairs[0], pairs.at(-1)].flatMap((pair) => (pair ? [pair] : []))) {
        const stand: Flow = {
          source: standIn(a, from, source, family, traffic),
          destination: standIn(b, to, destination, family, traffic),
          protocol: segments[0]?.example ?? flow.protocol,
          port: segments[0]?.last ?? 0,
        };
        others++;
        expect(verdictsOf(objects, stand), `seed ${seed}: ${JSON.stringify([flow, stand])}`).toEqual(
          verdictsOf(objects, { ...flow, source, destination }),
        );
      }
    }
  }
  expect(others).toBeGreaterThan(CLUSTERS * 30);
});

function withoutNames(party: Party): Party {
  const { names: _, ...rest } = party;
  return rest;
}

function pairsOf(a: PartyClass, b: PartyClass): (readonly [PartyMember, PartyMember])[] {
  const pairs = a.members.flatMap((from) => b.members.map((to) => [from, to] as const));
  return pairs.filter(([from, to]) => !isSameMember(from, to));
}

/** Another member of a class, by a face that looks like the party. */
function standIn(one: PartyClass, member: PartyMember, party: Party, family: 4 | 6, traffic: TrafficClasses): Party {
  const tokens = traffic.parties.tokensOf(party, 0).join();
  const face = one.faces.findIndex((found) => found.tokens[0]?.join() === tokens);
  expect(face).toBeGreaterThanOrEqual(0);
  return partyOf(member, face, family, 0) as Party;
}

function verdictsOf(objects: readonly PolicyObject[], flow: Flow): string[] {
  const { egress, ingress } = judge(objects, flow);
  return [egress.verdict, ingress.verdict];
}
