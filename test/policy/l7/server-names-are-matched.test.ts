import { expect, test } from "vitest";
import { meetsServerNames } from "#policy/l7/server-names.ts";

test.each([
  ["api.example.com", "api.example.com", true],
  ["api.example.com", "API.Example.COM", true],
  ["api.example.com", "api.example.com.", true],
  ["api.example.com", "api.example.com..", false],
  ["api.example.com", "api.example.com.evil.test", false],
  ["api.example.com", "evil-api.example.com", false],
  ["api.example.com", "xapi.example.com", false],
  ["api.example.com", "apixexample.com", false],
  ["api.example.com", "", false],
  ["*.example.com", "a.example.com", true],
  ["*.example.com", "example.com", false],
  ["*.example.com", "a.b.example.com", false],
  ["*.example.com", "aexample.com", false],
  ["**.example.com", "a.example.com", true],
  ["**.example.com", "a.b.c.example.com", true],
  ["**.example.com", "example.com", false],
  ["**.example.com", "a..example.com", false],
  ["xn--bcher-kva.example", "xn--bcher-kva.example", true],
  ["xn--bcher-kva.example", "bücher.example", false],
  ["*", "anything.test", true],
])("%s, asked for %j: %s", (rule, asked, is) => {
  expect(meetsServerNames([rule], asked)).toBe(is);
});

test("any of a rule's names is enough", () => {
  expect(meetsServerNames(["a.test", "*.b.test"], "x.b.test")).toBe(true);
  expect(meetsServerNames([], "x.b.test")).toBe(false);
});
