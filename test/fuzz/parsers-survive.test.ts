import { expect, test } from "vitest";
import { KINDS } from "#policy/parse/kinds.ts";
import { sized } from "#test/support/size.ts";
import { corpusOf, fullText, targets } from "./corpus.ts";
import { Mutator } from "./mutator.ts";
import { parseAnything } from "./parse-invariant.ts";

const SEED = 1;
const INPUTS = sized({ short: 300, long: 3000 });
const texts = (target: string): string[] => corpusOf(target).map(({ text }) => text);

test("every kind is a target", () => {
  expect(targets()).toEqual([...KINDS.keys()].sort());
});

test.each(targets())("%s: the rich file is valid", (target) => {
  expect(parseAnything(fullText(target))).toMatchObject({ violation: null, parsed: { ok: true } });
});

test.each(targets())("%s: the kept inputs do no harm", (target) => {
  for (const { name, text } of corpusOf(target)) expect(parseAnything(text).violation, name).toBeNull();
});

test.each(targets())(`%s: ${INPUTS} inputs from seed ${SEED} do no harm`, (target) => {
  const others = targets().filter((name) => name !== target);
  const mutator = new Mutator(SEED, texts(target), others.flatMap(texts));
  for (let i = 0; i < INPUTS; i++) {
    const text = mutator.next();
    const outcome = parseAnything(text);
    expect(outcome.violation, `seed ${SEED}, input ${i}:\n${text}`).toBeNull();
    mutator.learn(text, outcome);
  }
  expect(mutator.seen).toBeGreaterThan(20);
});
