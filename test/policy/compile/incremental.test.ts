import { expect, test } from "vitest";
import { PolicyEngine } from "#policy/compile/engine.ts";
import type { EntryDecision, PolicyEntry } from "#policy/compile/entry.ts";
import { type AddressToken, tokenHolds } from "#policy/model/address-token.ts";
import type { Party } from "#policy/model/flow.ts";
import type { Subject } from "#policy/model/identity.ts";
import { type PolicyKindObject, type PolicyObject, isPolicyKind } from "#policy/model/object.ts";
import { Random } from "#test/support/random.ts";
import { type RandomCluster, randomCluster } from "#test/support/random-policy.ts";
import { sized } from "#test/support/size.ts";

const FIRST_CLASS = (1 << 24) + 1;

/** A peer as an engine is told of it. */
type Known =
  | { readonly id: number; readonly subject: Subject }
  | { readonly id: number; readonly tokens: readonly AddressToken[] };

const decision = ({ verdict, precedence, rules, notAfter, limit }: EntryDecision) => {
  return {
    verdict,
    precedence,
    rules: rules.map(({ key }) => key),
    notAfter,
    limit: limit && { ...limit, rule: limit.rule.key },
  };
};
const show = (entry: PolicyEntry): string => {
  const { peer, direction, protocol, port, portBits, below } = entry;
  return JSON.stringify([peer, direction, protocol, port, portBits, decision(entry), below && decision(below)]);
};
const sorted = (entries: readonly PolicyEntry[]): string[] => entries.map(show).sort();

function tell(engine: PolicyEngine, peer: Known): void {
  if ("subject" in peer) engine.addIdentity(peer.id, peer.subject);
  else engine.addClass(peer.id, peer.tokens);
}

/** Identities of pods, and the classes of all parties' addresses by everything that a cluster's rules say. */
function peersOf({ pods, parties, objects }: RandomCluster): Known[] {
  const { tokens } = new PolicyEngine(objects);
  const classes = new Map<string, readonly AddressToken[]>();
  const holding = (party: Party): AddressToken[] => tokens.filter((token) => tokenHolds(token, party));
  for (const party of parties) classes.set(holding(party).join(), holding(party));
  return [
    ...pods.map(({ identity, subject }) => ({ id: identity, subject })),
    ...[...classes.values()].map((held, i) => ({ id: FIRST_CLASS + i, tokens: held })),
  ];
}

/** Every answer of an engine that has come here step by step is that of a new one, however the steps were ordered. */
function expectLikeNew(
  live: PolicyEngine,
  objects: readonly PolicyObject[],
  present: Iterable<Known>,
  subjects: readonly Subject[],
  told: string,
): void {
  const random = new Random(objects.length);
  const fresh = new PolicyEngine(random.shuffle([...objects]));
  for (const peer of random.shuffle([...present])) tell(fresh, peer);
  expect(live.tokens, told).toEqual(fresh.tokens);
  for (const subject of subjects) {
    const [one, other] = [live.compile(subject), fresh.compile(subject)];
    expect(one.selects, told).toEqual(other.selects);
    expect(sorted(one.entries), told).toEqual(sorted(other.entries));
    expect(one.staged && sorted(one.staged), told).toEqual(other.staged && sorted(other.staged));
  }
}

test("peers that come and go leave an engine like a new one that knows the rest, in any order", () => {
  for (let seed = 1; seed <= sized({ short: 60, long: 1_000 }); seed++) {
    const cluster = randomCluster(seed);
    const random = new Random(seed);
    const live = new PolicyEngine(cluster.objects);
    const all = peersOf(cluster);
    const present = new Map<number, Known>();
    const subjects = cluster.pods.map(({ subject }) => subject);
    // What the kernel would hold: entries are only added and taken away, peer by peer.
    const held = new Map(subjects.map((subject) => [subject, new Set(live.compile(subject).entries.map(show))]));
    for (let step = 0; step < 40; step++) {
      const peer = random.pick(all);
      const known = present.get(peer.id);
      if (known) {
        for (const subject of subjects)
          for (const entry of live.entriesFor(subject, peer.id)) held.get(subject)?.delete(show(entry));
        if ("subject" in known) live.removeIdentity(peer.id);
        else live.removeClass(peer.id);
        present.delete(peer.id);
      } else {
        tell(live, peer);
        for (const subject of subjects)
          for (const entry of live.entriesFor(subject, peer.id)) held.get(subject)?.add(show(entry));
        present.set(peer.id, peer);
      }
    }
    expectLikeNew(live, cluster.objects, present.values(), subjects, `seed ${seed}`);
    for (const subject of subjects) {
      expect([...(held.get(subject) as Set<string>)].sort(), `seed ${seed}`).toEqual(
        sorted(live.compile(subject).entries),
      );
    }
  }
});

test("objects and peers that come and go in any order leave an engine like a new one", () => {
  for (let seed = 1; seed <= sized({ short: 60, long: 1_000 }); seed++) {
    const cluster = randomCluster(seed);
    const random = new Random(seed);
    const all = peersOf(cluster);
    const policies = cluster.objects.filter(isPolicyKind);
    const ground = cluster.objects.filter((object) => !isPolicyKind(object));
    const present = new Map<number, Known>();
    const inForce = new Set<PolicyKindObject>();
    const subjects = cluster.pods.map(({ subject }) => subject);
    let live = new PolicyEngine(ground);
    for (let step = 0; step < 40; step++) {
      if (random.chance(0.5)) {
        const policy = random.pick(policies);
        if (!inForce.delete(policy)) inForce.add(policy);
        live = live.evolve([...ground, ...inForce]);
      } else {
        const peer = random.pick(all);
        if (present.delete(peer.id)) {
          if ("subject" in peer) live.removeIdentity(peer.id);
          else live.removeClass(peer.id);
        } else {
          tell(live, peer);
          present.set(peer.id, peer);
        }
      }
      // Half of the subjects are asked on the way: what was computed then must not show.
      if (random.chance(0.3)) live.compile(random.pick(subjects));
    }
    expectLikeNew(live, [...ground, ...inForce], present.values(), subjects, `seed ${seed}`);
  }
});

test("services, slices and groups that change are seen by the policies that speak of them", () => {
  for (let seed = 1; seed <= sized({ short: 60, long: 1_000 }); seed++) {
    const cluster = randomCluster(seed, { languages: ["cilium"] });
    const other = randomCluster(seed + 1, { languages: ["cilium"] });
    const isGround = ({ kind }: PolicyObject): boolean =>
      kind === "Service" || kind === "EndpointSlice" || kind === "CiliumCIDRGroup";
    const changed = [...cluster.objects.filter((object) => !isGround(object)), ...other.objects.filter(isGround)];
    const present = cluster.pods.map(({ identity, subject }) => ({ id: identity, subject }));
    const subjects = cluster.pods.map(({ subject }) => subject);
    const first = new PolicyEngine(cluster.objects);
    for (const peer of present) tell(first, peer);
    for (const subject of subjects) first.compile(subject);
    expectLikeNew(first.evolve(changed), changed, present, subjects, `seed ${seed}`);
  }
});

test("an identity that changes what it stands for is told again", () => {
  const { objects, pods } = randomCluster(3);
  const [first, second] = pods as [(typeof pods)[0], (typeof pods)[0]];
  const changed = new PolicyEngine(objects);
  changed.addIdentity(256, first.subject);
  changed.addIdentity(256, second.subject);
  const fresh = new PolicyEngine(objects);
  fresh.addIdentity(256, second.subject);
  for (const { subject } of pods) {
    expect(sorted(changed.compile(subject).entries)).toEqual(sorted(fresh.compile(subject).entries));
  }
});
