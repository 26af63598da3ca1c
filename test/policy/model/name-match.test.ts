import { expect, test } from "vitest";
import type { NameMatch } from "#policy/model/l7.ts";
import { matchesName } from "#policy/model/name-match.ts";
import { isName } from "#policy/oracle/names.ts";
import { Random } from "#test/support/random.ts";
import { sized } from "#test/support/size.ts";

test.each([
  ["*", "a.b.c", true],
  ["*", "x", true],
  ["example.com", "example.com", true],
  ["example.com", "examples.com", false],
  ["*.example.com", "a.example.com", true],
  ["*.example.com", "a.b.example.com", false],
  ["*.example.com", "example.com", false],
  ["**.example.com", "a.b.c.example.com", true],
  ["**.example.com", "example.com", false],
  ["**.example.com", "an-example.com", false],
  ["a*", "a", true],
  ["a*b*c", "abbc", true],
  ["a*b*c", "abbcb", false],
  ["*a*", "bab", true],
  // Octets that no name of a host has are no characters of a label.
  ["*.example.com", "a/b.example.com", false],
  ["*.example.com", "é.example.com", false],
  ["**.example.com", "a b.c.example.com", false],
  ["**.example.com", ".example.com", false],
  ["*", "a/b", true],
])("%s and %s: %s", (text, name, expected) => {
  expect(matchesName(text, name)).toBe(expected);
});

/** Few characters, so that patterns and names often meet. */
function randomLabel(random: Random, characters: string): string {
  return random.list(1, 5, () => random.pick([...characters])).join("");
}

/** A text as rules have it: a name, or a pattern with stars anywhere. */
function randomMatch(random: Random): NameMatch {
  const labels = random.list(1, 4, () => randomLabel(random, random.chance(0.5) ? "ab-" : "ab**")).join(".");
  const text = random.pick([labels, labels, `**.${labels}`, "*"]);
  return text.includes("*") ? { kind: "pattern", pattern: text } : { kind: "name", name: text };
}

/** A name that a text means, or nearly. */
function randomName(random: Random, match: NameMatch): string {
  if (random.chance(0.3)) return random.list(1, 5, () => randomLabel(random, "ab-")).join(".");
  const text = match.kind === "name" ? match.name : match.pattern;
  const filled = text
    .replace(/^\*\*\./, () => random.list(1, 3, () => `${randomLabel(random, "ab_")}.`).join(""))
    .replaceAll("*", () => (random.chance(0.3) ? "" : randomLabel(random, "ab")));
  if (random.chance(0.6)) return filled;
  const place = random.integer(0, filled.length);
  return filled.slice(0, place) + random.pick(["a", "b", ".", "/", "é"]) + filled.slice(place + random.integer(0, 1));
}

test("random texts and names: as the specification says", () => {
  const random = new Random(1);
  const seen = { true: 0, false: 0 };
  const cases = sized({ short: 50_000, long: 500_000 });
  for (let i = 0; i < cases; i++) {
    const match = randomMatch(random);
    const name = randomName(random, match);
    const expected = isName(match, name);
    seen[`${expected}`]++;
    if (matchesName(match.kind === "name" ? match.name : match.pattern, name) !== expected) {
      expect.fail(`${JSON.stringify(match)} and ${name}: ${expected}`);
    }
  }
  expect(Math.min(seen.true, seen.false)).toBeGreaterThan(cases / 5);
}, 300_000);

test("hundreds of stars take steps in proportion to the product of the lengths", () => {
  const label = "a".repeat(250);
  // An expression of as many stars would take longer than there is time.
  const stars = "*a".repeat(200);
  for (let i = 0; i < 1_000; i++) {
    expect(matchesName(`${stars}*`, label)).toBe(true);
    expect(matchesName(`${stars}b`, label)).toBe(false);
    expect(matchesName(`${"*aa".repeat(80)}*b*`, label)).toBe(false);
    expect(matchesName("*".repeat(250), label)).toBe(true);
    expect(matchesName(`**.${"*.".repeat(100)}b`, `${"a.".repeat(126)}a`)).toBe(false);
  }
});
