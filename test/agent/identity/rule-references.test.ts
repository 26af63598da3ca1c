import { statSync } from "node:fs";
import { type ReferencedRule, RuleReferences } from "#agent/identity/rule-references.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { expect, test } from "vitest";

function rule(name: string, line = 1): ReferencedRule {
  const description = { kind: "NetworkPolicy", namespace: "shop", name, rule: "ingress[0]", file: "web.yaml", line };
  return { key: `NetworkPolicy/shop/${name}@${line}#ingress[0]`, description };
}

test("a set of rules has one number in whatever order, the empty one 0", () => {
  using folder = new TemporaryFolder();
  using references = new RuleReferences(folder.join("rules"));
  const [a, b] = [rule("a"), rule("b")];
  const reference = references.intern([a, b]);
  expect(reference).toBe(1);
  expect(references.intern([b, a, b])).toBe(reference);
  expect(references.intern([a])).toBe(2);
  expect(references.intern([])).toBe(0);
  expect(references.lookup(reference)).toEqual([a.description, b.description]);
  expect(references.lookup(0)).toEqual([]);
  expect(references.lookup(99)).toEqual([]);
});

test("a set is found only where it has a number, and gets none by being looked for", () => {
  using folder = new TemporaryFolder();
  using references = new RuleReferences(folder.join("rules"));
  const [a, b] = [rule("a"), rule("b")];
  expect(references.find([])).toBe(0);
  expect(references.find([a])).toBeUndefined();
  const reference = references.intern([a, b]);
  expect(references.find([b, a, b])).toBe(reference);
  expect(references.find([a])).toBeUndefined();
  expect(references.intern([a])).toBe(reference + 1);
});

test("a restart can name what the kernel still holds", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("rules");
  {
    using references = new RuleReferences(path);
    references.intern([rule("a", 3), rule("b", 9)]);
  }
  using references = new RuleReferences(path);
  expect(references.lookup(1).map(({ name, line }) => `${name}:${line}`)).toEqual(["a:3", "b:9"]);
  expect(references.intern([rule("b", 9), rule("a", 3)])).toBe(1);
  expect(references.intern([rule("a", 4)])).toBe(2);
});

test("a reference that no entry holds is forgotten in the end, and never means another set", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("rules");
  let line = 0;
  for (let life = 0; life < 4; life++) {
    using references = new RuleReferences(path, 100);
    for (let n = 0; n < 20_000; n++) references.intern([rule("a", ++line)]);
    references.retain(new Set([1]));
    expect(references.lookup(1)[0]?.line).toBe(1);
    expect(references.lookup(line)[0]?.line).toBe(line);
    expect(references.lookup(line - 101)).toEqual([]);
    expect(statSync(path).size).toBeLessThan(10_000_000);
  }
  using references = new RuleReferences(path);
  expect(references.intern([rule("b")])).toBe(80_001);
});
