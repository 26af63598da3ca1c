import fc from "fast-check";
import { expect, test } from "vitest";
import { readTarget } from "#policy/l7/http-target.ts";
import { sized } from "#test/support/size.ts";

const pieces = fc.constantFrom(
  ...'/ // . .. ./ ../ /. /.. %2e %2E %2f %5C %41 %7e %25 %252e %00 %zz % ; ..; a B ~ - _ { " \\ # \t \xe9 %c3%A9 %c0%ae ? ?. = &'.split(
    " ",
  ),
);
const spelled = fc.array(pieces, { maxLength: 8 }).map((parts) => `/${parts.join("")}`);

const read = (text: string) => {
  const target = readTarget(text);
  return target && { ...target, text: target.path + target.query };
};

test.each([
  ["/a/b?c=d", "/a/b?c=d"],
  ["/%41%2d%7e%5F", "/A-~_"],
  ["/a%2fb", "/a%2Fb"],
  ["/a%c3%a9", "/a%C3%A9"],
  ["/a\xe9", "/a%E9"],
  ['/{"<|>"}', "/%7B%22%3C%7C%3E%22%7D"],
  ["//a///b//", "/a/b/"],
  ["/a/./b/../c", "/a/c"],
  ["/a/..", "/"],
  ["/?//..", "/?//.."],
  ["/a?\xe9", "/a?%E9"],
])("%s is read as %s", (text, wanted) => {
  expect(read(text)?.text).toBe(wanted);
});

test.each([
  "",
  "a",
  "*",
  "/..",
  "/a/../..",
  "/a%",
  "/%0",
  "/%gg",
  "/%00",
  "/a b",
  "/a\t",
  "/a\x7f",
  "/a#b",
  "/a?b#c",
  "/a\\b",
  "/a?b c",
])("%j is not read", (text) => {
  expect(readTarget(text)).toBeNull();
});

test("an escaped slash has a second reading, in which it is one", () => {
  expect(readTarget("/a%2fb%5c%2fc")).toEqual({ path: "/a%2Fb%5C%2Fc", unescapedPath: "/a/b/c", query: "" });
});

test("a spelling that was read is read as itself", () => {
  fc.assert(
    fc.property(spelled, (text) => {
      const once = read(text);
      if (once) expect(read(once.text)).toEqual(once);
    }),
    { numRuns: sized({ short: 5000, long: 500_000 }) },
  );
});

test("no reading has a segment that leads elsewhere, whoever takes what for a slash", () => {
  fc.assert(
    fc.property(spelled, (text) => {
      const target = read(text);
      for (const path of [target?.path, target?.unescapedPath]) {
        if (!path) continue;
        const segments = decodeURIComponent(path.replaceAll(/%[89A-F]./g, "_")).split(/[/\\]/);
        expect(segments.some((segment) => /^\.\.?(?:;|$)/.test(segment))).toBe(false);
        expect(path).toMatch(/^\/(?!\/)[!-~]*$/);
        expect(path).not.toContain("//");
      }
    }),
    { numRuns: sized({ short: 5000, long: 500_000 }) },
  );
});

test("WHATWG's reading, which browsers and fetch have, leads to the same path", () => {
  fc.assert(
    fc.property(spelled, (text) => {
      const target = read(text);
      if (!target) return;
      expect(new URL(`http://shop${target.text}`).pathname).toBe(target.path);
    }),
    { numRuns: sized({ short: 5000, long: 500_000 }) },
  );
});
