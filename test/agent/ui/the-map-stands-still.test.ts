import { expect, test } from "vitest";
import { MapLayout } from "#agent/ui/page/map-layout.ts";

const lines = (...pairs: readonly string[]) =>
  pairs.map((pair) => {
    const [from = "", to = ""] = pair.split(">");
    return { from, to };
  });
const places = (layout: MapLayout, ids: string) =>
  ids
    .split("")
    .map((id) => `${id}${layout.get(id)?.column}.${layout.get(id)?.row}`)
    .join(" ");

test("callers stand left of those whom they call, next to each other in their order", () => {
  const layout = new MapLayout();
  layout.add([..."abcde"], lines("a>b", "a>c", "b>d", "c>d", "a>d", "e>c"));
  expect(places(layout, "abcde")).toBe("a0.0 b1.0 c1.1 d2.0 e0.1");
  expect([layout.columns, layout.rows]).toEqual([3, 2]);
});

test("who has a place keeps it, whatever comes", () => {
  const layout = new MapLayout();
  layout.add([..."ab"], lines("a>b"));
  layout.add([..."abcd"], lines("a>b", "c>a", "b>d", "d>a"));
  expect(places(layout, "abcd")).toBe("a0.0 b1.0 c0.1 d2.0");
});

test("circles and those who speak to themselves have places, too", () => {
  const layout = new MapLayout();
  layout.add([..."abc"], lines("a>b", "b>c", "c>a", "a>a"));
  expect(new Set([..."abc"].map((id) => layout.get(id)?.column)).size).toBe(3);
  const long = new MapLayout();
  long.add([..."abcdefgh"], lines("a>b", "b>c", "c>d", "d>e", "e>f", "f>g", "g>h"));
  expect(places(long, "adefgh")).toBe("a0.0 d3.0 e4.0 f4.1 g4.2 h4.3");
});
