import { expect, test } from "vitest";
import { RuleBook } from "#agent/proxy/rule-book.ts";
import { RuleSnapshot } from "#agent/proxy/rule-snapshot.ts";
import { ruleUpdate } from "#test/support/proxy/control-client.ts";
import { judgement } from "#test/support/proxy/world.ts";

test("updates follow each other; a whole one begins anew, with any version", () => {
  const snapshot = new RuleSnapshot();
  expect(snapshot.whole()).toBe(null);
  expect(snapshot.apply(ruleUpdate(1, { 1: "a" }))).toBe("refused");
  expect(snapshot.apply(ruleUpdate(5, { 1: "a" }, true))).toBe("applied");
  expect(snapshot.apply(ruleUpdate(7, { 2: "b" }))).toBe("refused");
  expect(snapshot.apply(ruleUpdate(6, { 2: "b" }))).toBe("applied");
  expect(snapshot.apply(ruleUpdate(6, { 2: "other" }))).toBe("known");
  expect(snapshot.apply({ ...ruleUpdate(7, { 3: "c" }), removed: [1] })).toBe("applied");
  expect(snapshot.version).toBe(7);
  expect(snapshot.apply(ruleUpdate(2, { 9: "z" }, true))).toBe("applied");
  expect(snapshot.whole()).toEqual(ruleUpdate(2, { 9: "z" }, true));
});

test("who begins with the whole has what those have who heard every update", () => {
  const [snapshot, heard, whole] = [new RuleSnapshot(), new RuleBook(), new RuleBook()];
  const updates = [
    ruleUpdate(1, { 1: "a", 2: "b" }, true),
    { ...ruleUpdate(2, { 3: "c" }), removed: [2] },
    ruleUpdate(3, { 4: "d" }),
  ];
  for (const update of updates) {
    snapshot.apply(update);
    heard.apply(update);
  }
  whole.apply(snapshot.whole() ?? ruleUpdate(1, {}));
  const all = judgement([1, 2, 3, 4]);
  expect(whole.endRules(all)).toEqual(heard.endRules(all));
  expect(whole.endRules(all)[0]?.rules.map(({ description }) => description.name)).toEqual(["a", "c", "d"]);
  expect(whole.version).toBe(3);
});
