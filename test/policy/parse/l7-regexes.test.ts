import { expect, test } from "vitest";
import { RegexChecks } from "#policy/parse/l7-regexes.ts";

function fault(text: string): string | null {
  return new RegexChecks().fault(text);
}

const good = [
  "",
  "/",
  "/a/.*",
  "GET|POST",
  "[[:alpha:]]+",
  "(?i)a",
  "(?P<n>a)",
  "\\d{4}",
  "\\p{Greek}",
  "a{2,1000}",
  "ü+",
];
test.each(good)("%j is one", (text) => {
  expect(fault(text)).toBeNull();
});

const bad = [
  "(",
  ")",
  "[a",
  "a**",
  "*",
  "(?=a)",
  "(?<!a)",
  "\\1",
  "a{3,2}",
  "\\",
  "[z-a]",
  "(?P<n>a)(?P<n>b)",
  "a{1001}",
];
test.each(bad)("%j is none", (text) => {
  expect(fault(text)).toContain("is not a regular expression of RE2: ");
});

test.each([
  ["(".repeat(2000) + ")".repeat(2000), "expression nests too deeply"],
  ["a".repeat(4097), "is longer than 4096 characters"],
  ["((a{50}){50}){50}", "invalid repeat count"],
  ["a{1000}".repeat(21), "to more than 20000 repetitions"],
])("what would cost too much is refused: %#", (text, message) => {
  expect(fault(text)).toContain(message);
});

test("what the expressions of a policy count is added up, equal ones once", () => {
  const checks = new RegexChecks();
  for (let i = 0; i < 1000; i++) expect(checks.fault("a{10,1000}")).toBeNull();
  for (let i = 1; i < 20; i++) expect(checks.fault(`${"b".repeat(i)}a{0,1000}`)).toBeNull();
  expect(checks.fault("a{2}")).toContain("to more than 20000 repetitions");
  expect(checks.fault("a{10,1000}")).toBeNull();
  expect(checks.fault("/a+")).toBeNull();
});
