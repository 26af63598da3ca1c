import { expect, test } from "vitest";
import { RuleBook } from "#agent/proxy/rule-book.ts";
import { ruleUpdate } from "#test/support/proxy/control-client.ts";
import { judgement } from "#test/support/proxy/world.ts";

function names(book: RuleBook, references: readonly number[]): string[] {
  return book.endRules(judgement(references)).flatMap(({ rules }) => rules.map(({ description }) => description.name));
}

test("what references stand for is that of the latest update, however often it was asked before", () => {
  const book = new RuleBook();
  expect(names(book, [1])).toEqual([]);
  book.apply(ruleUpdate(1, { 1: "a", 2: "b" }, true));
  expect([names(book, [1]), names(book, [2, 1]), names(book, [12])]).toEqual([["a"], ["b", "a"], []]);
  book.apply({ ...ruleUpdate(2, { 12: "c" }), removed: [2] });
  expect([names(book, [1]), names(book, [2, 1]), names(book, [12])]).toEqual([["a"], ["a"], ["c"]]);
});

test("an end that lets everything pass is told from one that asks, with the same references", () => {
  const book = new RuleBook();
  book.apply(ruleUpdate(1, { 1: "a" }, true));
  const of = (asked: "plain" | number[]) =>
    book.endRules(judgement(asked)).map(({ end, isPlain }) => ({ end, isPlain }));
  expect(of([1])).toEqual([{ end: "source", isPlain: false }]);
  expect(of("plain")).toEqual([{ end: "source", isPlain: true }]);
  const { source, destination } = judgement([1]);
  expect(book.endRules({ source: destination, destination: source }).map(({ end }) => end)).toEqual(["destination"]);
});
