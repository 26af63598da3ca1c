import { expect, test } from "vitest";
import { PolicyEngine, type PolicyEntry } from "#policy/compile/engine.ts";
import { type Cidr, cidrContains, parseCidr } from "#policy/model/cidr.ts";
import type { Subject } from "#policy/model/identity.ts";
import { Random } from "#test/support/random.ts";
import { randomCluster } from "#test/support/random-policy.ts";

const show = ({ rules, ...entry }: PolicyEntry): string => JSON.stringify([entry, rules.map(({ key }) => key)]);
const sorted = (entries: readonly PolicyEntry[]): string[] => entries.map(show).sort();

/** A peer as an engine is told of it. */
type Known = { id: number; subject: Subject } | { id: number; cidrs: string[] };

function tell(engine: PolicyEngine, peer: Known): void {
  if ("subject" in peer) engine.addIdentity(peer.id, peer.subject);
  else engine.addClass(peer.id, peer.cidrs);
}

test("peers that come and go leave an engine like a new one that knows the rest, in any order", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const { objects, pods } = randomCluster(seed);
    const random = new Random(seed);
    const live = new PolicyEngine(objects);
    const classes = live.cidrs.map((inner, i) => ({
      id: (1 << 24) + 1 + i,
      cidrs: live.cidrs.filter((outer) => cidrContains(parseCidr(outer) as Cidr, parseCidr(inner) as Cidr)),
    }));
    const all: Known[] = [...pods.map(({ identity, subject }) => ({ id: identity, subject })), ...classes];
    const present = new Map<number, Known>();
    const subjects = pods.map(({ subject }) => subject);
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

    const fresh = new PolicyEngine(random.shuffle(objects));
    for (const peer of random.shuffle([...present.values()])) tell(fresh, peer);
    for (const subject of subjects) {
      const expected = sorted(fresh.compile(subject).entries);
      expect(sorted(live.compile(subject).entries), `seed ${seed}`).toEqual(expected);
      expect([...(held.get(subject) as Set<string>)].sort(), `seed ${seed}`).toEqual(expected);
    }
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
