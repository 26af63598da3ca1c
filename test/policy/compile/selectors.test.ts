import { expect, test } from "vitest";
import { toPeer, toSubjects } from "#policy/compile/cilium-selector.ts";
import { LabelIndex } from "#policy/compile/label-index.ts";
import { PeerIndex } from "#policy/compile/peer-index.ts";
import { PodIndex } from "#policy/compile/pod-index.ts";
import type { Party } from "#policy/model/flow.ts";
import { Namespaces } from "#policy/model/namespaces.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import type { EntityMatch, PodMatch } from "#policy/model/rule.ts";
import { toSelector, matchesSelector } from "#policy/model/selector.ts";
import { isEndpoint, selectsPod } from "#policy/oracle/cilium-peers.ts";
import { selects } from "#policy/oracle/selector.ts";
import { namespace } from "#test/support/policy-objects.ts";
import {
  randomLabelSelector,
  randomLabelsOf,
  randomParty,
  randomSubject,
  randomWholeSelector,
} from "#test/support/random-selectors.ts";
import { Random } from "#test/support/random.ts";
import { sized } from "#test/support/size.ts";

const CASES = sized({ short: 10_000, long: 500_000 });

/** `grey` has no object. */
function namespaces(random: Random): PolicyObject[] {
  return ["red", "green", "blue"].map((name) => namespace(name, randomLabelsOf(random)));
}

/** Whether a peer index says that a party is one of a match. */
function isMatched(match: PodMatch | EntityMatch | null, party: Party, objects: readonly PolicyObject[]): boolean {
  if (!match) return false;
  const index = new PeerIndex(new Namespaces(objects));
  const matcher = index.matcher(match);
  if (party.subject) index.addIdentity(256, party.subject);
  else index.addReserved(256, party);
  return index.kindOf(256)?.matchers.includes(matcher) === true;
}

test(`${CASES} selectors of labels select what the specification says`, () => {
  const random = new Random(1);
  const seen = { true: 0, false: 0 };
  for (let i = 0; i < CASES; i++) {
    const [selector, labels] = [randomLabelSelector(random), randomLabelsOf(random)];
    const expected = selects(selector, labels);
    seen[`${expected}`]++;
    if (matchesSelector(toSelector(selector), labels) !== expected) {
      expect.fail(`${JSON.stringify([selector, labels])} is ${expected}`);
    }
  }
  expect(Math.min(seen.true, seen.false)).toBeGreaterThan(CASES / 10);
}, 300_000);

test(`${CASES} selectors of Cilium's peers select what the specification says`, () => {
  const random = new Random(2);
  const seen = { true: 0, false: 0, reserved: 0 };
  for (let i = 0; i < CASES; i++) {
    const objects = namespaces(random);
    const [selector, party, own] = [randomWholeSelector(random), randomParty(random), random.pick(["", "red"])];
    const expected = isEndpoint(selector, own, party, objects);
    seen[`${expected}`]++;
    if (expected && !party.subject) seen.reserved++;
    if (isMatched(toPeer(selector, own), party, objects) !== expected) {
      expect.fail(`${JSON.stringify([own, selector, party, objects])} is ${expected}`);
    }
  }
  expect(Math.min(seen.true, seen.false)).toBeGreaterThan(CASES / 10);
  expect(seen.reserved).toBeGreaterThan(CASES / 1_000);
}, 300_000);

test(`${CASES} selectors of Cilium's subjects select what the specification says, only in the policy's namespace`, () => {
  const random = new Random(3);
  const seen = { true: 0, false: 0 };
  for (let i = 0; i < CASES; i++) {
    const objects = namespaces(random);
    const [selector, subject, own] = [randomWholeSelector(random), randomSubject(random), random.pick(["", "red"])];
    const expected = (own === "" || own === subject.namespace) && selectsPod(selector, subject, objects);
    seen[`${expected}`]++;
    const match = toSubjects(selector, own);
    if ((match !== null && new Namespaces(objects).matchesPod(match, subject)) !== expected) {
      expect.fail(`${JSON.stringify([own, selector, subject, objects])} is ${expected}`);
    }
  }
  expect(Math.min(seen.true, seen.false)).toBeGreaterThan(CASES / 10);
}, 300_000);

test("indexes find all pods that a match holds for, and all matches that hold for a pod", () => {
  for (let seed = 1; seed <= sized({ short: 100, long: 3_000 }); seed++) {
    const random = new Random(seed);
    const known = new Namespaces(namespaces(random));
    const pods = Array.from({ length: 40 }, () => randomSubject(random));
    const matches = Array.from({ length: 40 }, () => toPeer(randomWholeSelector(random), "red")).filter(
      (match): match is PodMatch => match?.kind === "pods",
    );
    const [byLabel, byMatch] = [new LabelIndex(), new PodIndex<number>(known)];
    for (const [id, pod] of pods.entries()) byLabel.add(id, pod);
    for (const [i, match] of matches.entries()) byMatch.add(match, i);
    const gone = random.list(0, 20, () => random.integer(0, pods.length - 1));
    for (const id of new Set(gone)) byLabel.remove(id, pods[id] as (typeof pods)[0]);
    for (const match of matches) {
      const holding = [...pods.keys()].filter(
        (id) => !gone.includes(id) && known.matchesPod(match, pods[id] as (typeof pods)[0]),
      );
      const candidates = byLabel.candidates(match);
      expect(new Set(candidates).size).toBe(candidates.length);
      expect(candidates).toEqual(expect.arrayContaining(holding));
      expect(candidates.some((id) => gone.includes(id))).toBe(false);
    }
    for (const pod of pods) {
      const expected = [...matches.keys()].filter((i) => known.matchesPod(matches[i] as PodMatch, pod));
      expect(byMatch.find(pod).sort((a, b) => a - b)).toEqual(expected);
    }
  }
});
