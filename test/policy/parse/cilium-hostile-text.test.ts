import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseObjects } from "#policy/parse/objects.ts";
import { errorsOf, ruleText } from "#test/support/cilium-text.ts";
import { Random } from "#test/support/random.ts";

const folder = join(import.meta.dirname, "../../fixtures/policies/cilium");
const good = readdirSync(folder)
  .flatMap((file) => readFileSync(join(folder, file), "utf8").split("---\n"))
  .filter((text) => text.includes("cilium.io"));

/** Values of every type where others are expected. */
const splinters = [
  "null",
  "{}",
  "[]",
  "[{}]",
  "0",
  "-1",
  "1e9",
  "true",
  '""',
  "a: b",
  "- ",
  "- - ",
  "*",
  "::",
  "{",
  "]",
  "\n",
  "  ",
];

test("mutilated policies: no exception, and every error has a place in the text", () => {
  const random = new Random(1);
  for (let i = 0; i < 1500; i++) {
    const words = random.pick(good).split(/(?<=[ :\n])/);
    for (let n = random.integer(1, 4); n > 0; n--) {
      words.splice(random.integer(0, words.length - 1), random.integer(0, 3), random.pick(splinters));
    }
    const text = words.join("");
    const lines = text.split("\n").length;
    const parsed = parseObjects(text, "f");
    const errors = parsed.ok ? [] : parsed.errors;
    expect(parsed.ok || errors.length > 0).toBe(true);
    for (const { line, column } of errors) expect(line >= 1 && line <= lines && column >= 1, text).toBe(true);
  }
});

test("an expression that is repeated by aliases is checked once", () => {
  const http = `&http [${new Array(100).fill('{path: "(a?){0,1000}"}').join(", ")}]`;
  const item = (rules: string): string => `{ports: [{port: 80, protocol: TCP}], rules: {http: ${rules}}}`;
  const items = [item(http), ...new Array(100).fill(item("*http"))];
  expect(errorsOf(ruleText("ingress", `{toPorts: [${items.join(", ")}]}`))).toEqual([]);
});
