import fc from "fast-check";
import { expect, test } from "vitest";
import { type PortClaim, type PortDecision, type PortKey, decidePorts } from "#policy/compile/port-map.ts";
import { RuleSets } from "#policy/compile/rule-sets.ts";
import { type Action, type Rule, rulePrecedence } from "#policy/model/rule.ts";

const rules = Array.from({ length: 12 }, (_, i): Rule => {
  const description = { kind: "Test", namespace: "", name: "t", rule: `ingress[${i}]`, file: "f", line: i };
  return { key: `${i}`, description, direction: "ingress", action: "allow", tier: 1, peers: null, ports: null };
});

interface Said {
  readonly key: PortKey;
  readonly action: Action;
  readonly tier: number;
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
  action: fc.constantFrom<Action>("allow", "deny"),
  tier: fc.constantFrom(1, 2),
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
  all.map(({ key, ...rule }, i) => ({ key, rule: i, precedence: rulePrecedence(rule) }));

test("the longest match is the highest precedence of all that match, with all its rules", () => {
  fc.assert(
    fc.property(fc.array(said, { maxLength: rules.length }), (all) => {
      const claims = claimsOf(all);
      const decisions = decidePorts(claims, new RuleSets(rules));
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
      const decisions = decidePorts(claimsOf(all), new RuleSets(rules));
      for (const one of decisions) {
        const others = decisions.filter((other) => length(other.key) < length(one.key));
        const cover = longest(others, one.key.protocol, one.key.port);
        expect(cover?.set !== one.set || cover.precedence !== one.precedence).toBe(true);
      }
    }),
  );
});

test("the fallback decides where no rule does, and where all rules are below it", () => {
  const sets = new RuleSets(rules);
  const key = { protocol: 6, port: 80, bits: 16 };
  expect(decidePorts([{ key, rule: 0, precedence: 3 }], sets, 4)).toHaveLength(1);
  expect(decidePorts([{ key, rule: 0, precedence: 5 }], sets, 4)).toMatchObject([
    { key: { protocol: 0 }, precedence: 4, set: { rules: [] } },
    { key, precedence: 5, set: { numbers: [0] } },
  ]);
});

test("a deny goes before an allow of its tier, and a tier before the next", () => {
  const order = [
    { tier: 1, action: "allow" },
    { tier: 1, action: "deny" },
    { tier: 2, action: "allow" },
    { tier: 2, action: "deny" },
  ] as const;
  const precedences = order.map(rulePrecedence);
  expect(precedences).toEqual(precedences.toSorted((a, b) => a - b));
});
