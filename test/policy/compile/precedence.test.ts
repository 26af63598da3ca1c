import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type PortClaim,
  type PortDecision,
  type PortKey,
  decidePorts,
  stackDecisions,
} from "#policy/compile/port-map.ts";
import { RuleSets } from "#policy/compile/rule-sets.ts";
import { OrderedTier, actionOf, normalPrecedence, orderedPrecedence } from "#policy/model/rule.ts";
import { makeRule } from "#test/support/make-rule.ts";

const rules = Array.from({ length: 12 }, (_, i) => makeRule(i));
const ruleSets = (): RuleSets => {
  const sets = new RuleSets();
  for (const rule of rules) sets.numberOf(rule);
  return sets;
};

interface Said {
  readonly key: PortKey;
  readonly precedence: number;
}

const said = fc.record({
  key: fc.oneof(
    fc.constant({ protocol: 0, port: 0, bits: 0 }),
    // Few high bits and few protocols, so that prefixes often cover each other.
    fc
      .record({ protocol: fc.constantFrom(6, 17), bits: fc.nat(16), port: fc.nat(7) })
      .map(({ protocol, bits, port }) => ({
        protocol,
        bits,
        port: (port << 13) & ((0xffff << (16 - bits)) & 0xffff),
      })),
    fc
      .record({
        protocol: fc.constant(6),
        bits: fc.constantFrom(14, 15, 16),
        port: fc.constantFrom(80, 80, 80, 82, 83),
      })
      .map(({ protocol, bits, port }) => ({ protocol, bits, port: port & ((0xffff << (16 - bits)) & 0xffff) })),
  ),
  precedence: fc.constantFrom(1, 2, 3, 4),
});

const covers = (key: PortKey, protocol: number, port: number): boolean =>
  key.protocol === 0 || (key.protocol === protocol && key.port >> (16 - key.bits) === port >> (16 - key.bits));
const length = ({ protocol, bits }: PortKey): number => (protocol === 0 ? 0 : 8 + bits);

function longest(decisions: readonly PortDecision[], protocol: number, port: number): PortDecision | undefined {
  return decisions
    .filter(({ key }) => covers(key, protocol, port))
    .toSorted((a, b) => length(b.key) - length(a.key))[0];
}

const claimsOf = (all: readonly Said[]): PortClaim[] =>
  all.map(({ key, precedence }, i) => ({ key, rule: i, precedence }));

test("the longest match is the highest precedence of all that match, with all its rules", () => {
  fc.assert(
    fc.property(fc.array(said, { maxLength: rules.length }), (all) => {
      const claims = claimsOf(all);
      const decisions = decidePorts(claims, ruleSets());
      const probes = all.flatMap(({ key }) => [key.port, key.port + 1, key.port ^ 1]).concat(0, 65535);
      for (const port of probes) {
        for (const protocol of [6, 17, 1]) {
          const matching = claims.filter(({ key }) => covers(key, protocol, port & 0xffff));
          const precedence = Math.max(...matching.map((claim) => claim.precedence));
          const expected = matching.filter((claim) => claim.precedence === precedence).map(({ rule }) => rule);
          const found = longest(decisions, protocol, port & 0xffff);
          expect(found?.set.numbers ?? []).toEqual(expected);
          if (found) expect(found.precedence).toBe(precedence);
        }
      }
    }),
    { numRuns: 2000 },
  );
});

test("no entry says what the entry that covers it says", () => {
  fc.assert(
    fc.property(fc.array(said, { maxLength: rules.length }), (all) => {
      const decisions = decidePorts(claimsOf(all), ruleSets());
      for (const one of decisions) {
        const others = decisions.filter((other) => length(other.key) < length(one.key));
        const cover = longest(others, one.key.protocol, one.key.port);
        expect(cover?.set !== one.set || cover.precedence !== one.precedence).toBe(true);
      }
    }),
  );
});

test("the fallback decides where no rule does, and where all rules are below it", () => {
  const sets = ruleSets();
  const key = { protocol: 6, port: 80, bits: 16 };
  expect(decidePorts([{ key, rule: 0, precedence: 3 }], sets, 4)).toHaveLength(1);
  expect(decidePorts([{ key, rule: 0, precedence: 5 }], sets, 4)).toMatchObject([
    { key: { protocol: 0 }, precedence: 4, set: { rules: [] } },
    { key, precedence: 5, set: { numbers: [0] } },
  ]);
});

test("two sets of entries, stacked, give the longest match of each", () => {
  fc.assert(
    fc.property(
      fc.array(said, { maxLength: rules.length }),
      fc.array(fc.boolean(), { minLength: rules.length, maxLength: rules.length }),
      (all, isLow) => {
        const sets = ruleSets();
        const claims = claimsOf(all);
        const upper = decidePorts(claims, sets);
        const lower = decidePorts(
          claims.filter(({ rule }) => isLow[rule]),
          sets,
        );
        const stacked = stackDecisions(upper, lower);
        for (const { port } of all.map(({ key }) => key).concat({ protocol: 6, port: 65535, bits: 16 })) {
          for (const protocol of [6, 17, 1]) {
            const found = stacked
              .filter(({ key }) => covers(key, protocol, port))
              .toSorted((a, b) => length(b.key) - length(a.key))[0];
            expect(found?.upper.set).toBe(longest(upper, protocol, port)?.set);
            expect(found?.lower?.set).toBe(longest(lower, protocol, port)?.set);
          }
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test("precedences fall from the Admin tier by priority, place and action to the normal and the Baseline tier", () => {
  const { admin, baseline } = OrderedTier;
  const ordered = [
    [orderedPrecedence(admin, 0, 0, "deny"), "deny"],
    [orderedPrecedence(admin, 0, 0, "pass"), "pass"],
    [orderedPrecedence(admin, 0, 0, "allow"), "allow"],
    [orderedPrecedence(admin, 0, 1, "deny"), "deny"],
    [orderedPrecedence(admin, 1, 0, "deny"), "deny"],
    [orderedPrecedence(admin, 1000, 24, "allow"), "allow"],
    [normalPrecedence("deny"), "deny"],
    [normalPrecedence("redirect"), "redirect"],
    [normalPrecedence("allow"), "allow"],
    [orderedPrecedence(baseline, 0, 0, "deny"), "deny"],
    [orderedPrecedence(baseline, 0, 0, "pass"), "allow"],
    [orderedPrecedence(baseline, 0, 0, "allow"), "allow"],
    [orderedPrecedence(baseline, 1001, 99, "deny"), "deny"],
  ] as const;
  const precedences = ordered.map(([precedence]) => precedence);
  expect(precedences).toEqual(precedences.toSorted((a, b) => b - a));
  expect(new Set(precedences).size).toBe(precedences.length);
  expect(ordered.map(([precedence]) => actionOf(precedence))).toEqual(ordered.map(([, action]) => action));
});
