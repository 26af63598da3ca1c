import { IdentityRange } from "#agent/datapath/layouts.gen.ts";
import { NumberedSets } from "#agent/identity/numbered-sets.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { expect, test } from "vitest";

const open = (path: string): NumberedSets => {
  const { CLASS_FIRST: first, CLASS_LAST: last } = IdentityRange;
  return new NumberedSets({ path, what: "set of ranges", first, last });
};

test("a set has one number in its range, the empty one 0", () => {
  using folder = new TemporaryFolder();
  using classes = open(folder.join("classes"));
  const id = classes.intern(["10.0.0.0/8", "10.1.0.0/16"]);
  expect(id).toBe(IdentityRange.CLASS_FIRST);
  expect(id).toBeLessThanOrEqual(IdentityRange.CLASS_LAST);
  expect(classes.intern(["10.1.0.0/16", "10.0.0.0/8"])).toBe(id);
  expect(classes.intern([])).toBe(0);
  expect(classes.lookup(id)).toEqual(["10.0.0.0/8", "10.1.0.0/16"]);
  expect(classes.lookup(0)).toBeUndefined();
});

test("numbers survive a restart, and go on from where they were", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("classes");
  {
    using classes = open(path);
    classes.intern(["10.0.0.0/8"]);
    classes.intern(["10.1.0.0/16"]);
  }
  using classes = open(path);
  expect(classes.intern(["10.1.0.0/16"])).toBe(IdentityRange.CLASS_FIRST + 1);
  expect(classes.intern(["::/0"])).toBe(IdentityRange.CLASS_FIRST + 2);
});

test("a set that goes out of use and comes back has the number that it had", () => {
  using folder = new TemporaryFolder();
  using classes = open(folder.join("classes"));
  const id = classes.intern(["10.0.0.0/8"]);
  classes.retain(new Set());
  expect(classes.intern(["10.0.0.0/8"])).toBe(id);
});

test("of thousands of unused sets the oldest are forgotten, and no number comes twice", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("classes");
  const seen = new Set<number>();
  for (let life = 0; life < 3; life++) {
    using classes = open(path);
    for (let n = 0; n < 5000; n++) {
      const id = classes.intern([`10.${life}.${n >> 8}.${n & 255}/32`]);
      expect(seen.has(id)).toBe(false);
      seen.add(id);
    }
    classes.retain(new Set());
    expect(classes.lookup(Math.min(...seen))).toBeUndefined();
    expect(classes.lookup(Math.max(...seen))).toBeDefined();
  }
});
