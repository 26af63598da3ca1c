import { expect, test } from "vitest";
import { meetsDnsRules } from "#policy/l7/dns.ts";
import type { L7Rules, NameMatch } from "#policy/model/l7.ts";

function rules(...texts: string[]): L7Rules {
  const named = (text: string): NameMatch =>
    text.includes("*") ? { kind: "pattern", pattern: text } : { kind: "name", name: text };
  return { family: "dns", rules: texts.map(named) };
}

const lookup = (name: string) => ({ name, isPlainLookup: true });

test.each([
  [["example.com"], "example.com", true],
  [["example.com"], "www.example.com", false],
  [["example.com"], "example.com.evil.test", false],
  [["*.example.com"], "www.example.com", true],
  [["*.example.com"], "example.com", false],
  [["*.example.com"], "a.b.example.com", false],
  [["**.example.com"], "a.b.example.com", true],
  [["**.example.com"], "example.com", false],
  [["*"], "anything.test", true],
  [["*"], "", true],
  [["a.test", "b.test"], "b.test", true],
  [["*.test"], "", false],
  [[], "a.test", false],
])("rules %j: %j is allowed: %s", (texts, name, isAllowed) => {
  expect(meetsDnsRules(rules(...texts), lookup(name))).toBe(isAllowed);
});

test.each(["www\\046example.com", "\\042.example.com", "\\195\\164.example.com", "a\\032b.example.com"])(
  "a name with other bytes, %s, is what no rule means but the star alone",
  (name) => {
    expect(
      meetsDnsRules(rules("www.example.com", "*.example.com", "**.com", "example.com", "*.com"), lookup(name)),
    ).toBe(false);
    expect(meetsDnsRules(rules("*"), lookup(name))).toBe(true);
  },
);

test("what is no plain look-up meets the star alone", () => {
  const transfer = { name: "example.com", isPlainLookup: false };
  expect(meetsDnsRules(rules("example.com", "**.com", "*.com"), transfer)).toBe(false);
  expect(meetsDnsRules(rules("*"), transfer)).toBe(true);
});

test("rules of other families, and about names of TLS alone, let no query pass", () => {
  const http = { method: null, path: null, host: null, headers: [], headerMatches: [] };
  expect(meetsDnsRules({ family: "http", rules: [http] }, lookup("a.test"))).toBe(false);
  expect(meetsDnsRules(null, lookup("a.test"))).toBe(false);
});
