import { expect, test } from "vitest";
import { documentAround } from "#agent/kubernetes/object-text.ts";

const file = "# ours\nkind: A\n---\nkind: B\nname: b\n--- # last\nkind: C\n";

test.each([
  [1, 1, "# ours\nkind: A\n"],
  [2, 1, "# ours\nkind: A\n"],
  [4, 4, "kind: B\nname: b\n"],
  [5, 4, "kind: B\nname: b\n"],
  [7, 7, "kind: C\n"],
  [99, 7, "kind: C\n"],
])("line %i stands in the document that begins with line %i", (line, first, text) => {
  expect(documentAround(file, line)).toEqual({ line: first, text });
});

test("lines are those of the whole file, where the text is a part of it", () => {
  expect(documentAround("kind: B\nname: b\n", 41, 40)).toEqual({ line: 40, text: "kind: B\nname: b\n" });
});

test("of a document that is very long, what follows the line", () => {
  const long = Array.from({ length: 5000 }, (_, i) => `item ${i + 1}`).join("\n");
  const { text, line } = documentAround(long, 4000);
  expect([line, text.split("\n")[0], text.split("\n").length]).toEqual([4000, "item 4000", 1002]);
});
