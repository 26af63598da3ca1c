import { expect, test } from "vitest";
import { parseObjects } from "#policy/parse/objects.ts";
import { Random } from "#test/support/random.ts";

const bomb = [
  "a: &a [x, x, x, x, x, x, x, x, x, x]",
  ...[..."bcdefghij"].map((name, i) => `${name}: &${name} [${new Array(10).fill(`*${"abcdefghi"[i]}`).join()}]`),
].join("\n");

const rulesOfAliases = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p}
spec:
  ingress:
  - from: &peers [${new Array(1000).fill("{podSelector: {}}").join()}]
${"  - from: *peers\n".repeat(1000)}`;

function rulesOf(count: number): string {
  return `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\nspec:\n  ingress:\n${"  - from:\n    - podSelector: {}\n".repeat(count)}`;
}

const hostile: [string, string, string][] = [
  ["a deep list", "[".repeat(20_000), "is nested deeper than 100 levels"],
  ["a deep mapping", "{a: ".repeat(20_000), "is nested deeper than 100 levels"],
  ["a deep block", "- ".repeat(20_000), "is nested deeper than 100 levels"],
  ["a deep chain of keys", "a: ".repeat(20_000), "is nested deeper than 100 levels"],
  [
    "a deep staircase",
    Array.from({ length: 1000 }, (_, i) => `${" ".repeat(i)}a:\n`).join(""),
    "is nested deeper than",
  ],
  ["a list of 101 levels", `${"[".repeat(101)}${"]".repeat(101)}`, "is nested deeper than 100 levels"],
  ["a text that is too long", " ".repeat(5_000_000), "is longer than 4194304 characters; split it"],
  ["a text of 10 MB", rulesOf(340_000), "is longer than 4194304 characters; split it"],
  [
    "a text of too many values",
    `[${"~,".repeat(1_000_000)}]`,
    "has more than 2000000 names, values and signs; split it",
  ],
  ["a policy of 100,000 rules", rulesOf(100_000), "has 100000 rules; at most 10000 are accepted"],
  ["a million errors of syntax", "}".repeat(1_000_000), "Unexpected flow-map-end token"],
  ["a million errors in a document", "*a ".repeat(600_000), "Unexpected alias at node end"],
  ["only a directive that nobody knows", "%FOO\n", "Unknown directive %FOO"],
  ["aliases that repeat too much", rulesOfAliases, "aliases repeat more than 100000 values"],
  ["an alias of its own list", "a: &a [*a]", "is an alias of what contains it"],
  ["an alias of nothing", "a: *b", "alias b is not defined"],
  ["a tag that nobody knows", "kind: !!js/function x", "Unresolved tag: tag:yaml.org,2002:js/function"],
  ["a key that is a list", "[a]: b", "has a key that is not plain text"],
  ["a merge key", "<<: {kind: Pod}", "kind is missing"],
  ["a control character", "kind: \0", "kind \0 is unknown"],
];

test.each(hostile)("%s", (_, text, message) => {
  const parsed = parseObjects(text, "f.yaml");
  const messages = parsed.ok ? [] : parsed.errors.map((error) => error.message);
  expect(
    messages.some((one) => one.startsWith(message.replace("\0", " "))),
    messages.slice(0, 5).join("\n"),
  ).toBe(true);
});

test("a tree of aliases is not built where nobody asks for it", () => {
  expect(parseObjects(bomb, "f.yaml")).toMatchObject({ ok: false, errors: [{ message: "kind is missing" }] });
});

test("lines are counted in what is no YAML, too", () => {
  expect(parseObjects('a: ""b\n  c\n  d\n}', "f.yaml")).toMatchObject({
    errors: [{ line: 1 }, { line: 4, column: 1 }],
  });
});

test("100 levels are read", () => {
  const text = `${"[".repeat(100)}a${"]".repeat(100)}`;
  expect(parseObjects(text, "f.yaml")).toMatchObject({ errors: [{ message: "is a list, not a mapping" }] });
});

test("at most 1000 errors are told", () => {
  const parsed = parseObjects("---\n- a\n".repeat(2000), "f.yaml");
  expect(parsed.ok ? 0 : parsed.errors.length).toBe(1000);
});

test("labels may be called like the members of objects", () => {
  const parsed = parseObjects(
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {constructor: b, toString: c}}",
    "f",
  );
  expect(parsed).toMatchObject({ ok: true, objects: [{ labels: { constructor: "b", toString: "c" } }] });
});

test("3,000 mutilated files: no exception, and every error has a place in the file", () => {
  const random = new Random(1);
  const good = [
    ..."kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata:\n  name: a\nspec: {ingress: [{}]}\n",
  ];
  const splinters = [
    "&a ",
    "*a",
    "? ",
    "[",
    "}",
    "- ",
    "\n",
    "  ",
    ": ",
    "|\n",
    '"',
    "!!set ",
    "%",
    "---\n",
    "\t",
    "#",
    "\ud800",
  ];
  for (let i = 0; i < 3000; i++) {
    const text = [...good];
    for (let n = random.integer(1, 5); n > 0; n--) {
      text.splice(random.integer(0, text.length), random.integer(0, 8), random.pick(splinters));
    }
    const joined = text.join("");
    const lines = joined.split("\n").length;
    const parsed = parseObjects(joined, "f.yaml");
    for (const { line, column } of parsed.ok ? [] : parsed.errors) {
      expect(line >= 1 && line <= lines && column >= 1, joined).toBe(true);
    }
  }
});
