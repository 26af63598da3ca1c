import { expect, test } from "vitest";
import { matchesName } from "#policy/model/name-match.ts";
import { nameClasses } from "#policy/simulate/name-classes.ts";
import { Random } from "#test/support/random.ts";

const textsOf = (...texts: string[]): string[] => nameClasses(texts).classes.map((one) => one.texts.join(" "));

test("a name and a pattern that takes it in are two classes", () => {
  expect(textsOf("*.example.com", "api.example.com")).toEqual(["*.example.com", "*.example.com api.example.com"]);
});

test("patterns of which no name meets both are apart", () => {
  expect(textsOf("*.example.com", "*.example.org")).toEqual(["*.example.com", "*.example.org"]);
  expect(textsOf("*.example.com", "*.a.example.com")).toEqual(["*.a.example.com", "*.example.com"]);
});

test("patterns that overlap have a class of what meets both", () => {
  expect(textsOf("a*.example.com", "*b.example.com")).toEqual([
    "*b.example.com",
    "*b.example.com a*.example.com",
    "a*.example.com",
  ]);
  expect(textsOf("**.example.com", "db.*.com")).toContain("**.example.com db.*.com");
});

test("the pattern for every name is in all classes, and in one alone", () => {
  expect(textsOf("*", "example.com")).toEqual(["*", "* example.com"]);
});

test("every class has an example that meets exactly its texts, and every name is in a class", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = new Random(seed);
    const label = (): string => random.list(1, 3, () => random.pick(["a", "b", "*"])).join("");
    const texts = random.list(1, 5, () => {
      const text = random.list(1, 3, label).join(".");
      return random.chance(0.2) ? `**.${text}` : text;
    });
    const { classes, isComplete } = nameClasses(texts);
    expect(isComplete).toBe(true);
    const met = (name: string): string[] => [...new Set(texts)].filter((text) => matchesName(text, name)).sort();
    for (const { texts: own, example } of classes) expect(met(example), `seed ${seed}`).toEqual(own);
    for (let i = 0; i < 50; i++) {
      const name = random.list(1, 4, () => random.list(1, 4, () => random.pick(["a", "b", "c"])).join("")).join(".");
      const own = met(name);
      if (own.length > 0)
        expect(
          classes.map((one) => one.texts),
          `seed ${seed}: ${name}`,
        ).toContainEqual(own);
    }
  }
});
