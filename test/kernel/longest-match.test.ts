import { beforeEach, expect, test } from "vitest";
import { BpfMap, bytes, copyEntries, MapFlag, MapHandle, MapType, u32 } from "libbpf-ts";
import { longestMatch } from "#agent/datapath/longest-match.ts";
import { Random } from "#test/support/random.ts";
import { needs } from "#test/support/requirement.ts";

beforeEach(needs("root"));

const keySize = 8;

test("an image of an LPM trie gives the entry that the kernel's look-up gives", () => {
  const random = new Random(41);
  // Few values of few bytes, so that prefixes lie within each other.
  const key = (bits: number): Uint8Array => {
    const made = Uint8Array.from({ length: keySize }, () => random.pick([0, 1, 0x80, 0x81]));
    new DataView(made.buffer).setUint32(0, bits, true);
    return made;
  };
  using handle = MapHandle.create({
    type: MapType.LPM_TRIE,
    name: "prefixes",
    keySize,
    valueSize: 4,
    maxEntries: 512,
    flags: MapFlag.NO_PREALLOC,
  });
  const map = new BpfMap(handle, bytes(keySize), u32);
  for (let i = 0; i < 300; i++) map.set(key(random.integer(2, 32)), i);
  const image = copyEntries(handle);
  const values = new DataView(image.values.buffer);
  const found = { some: 0, none: 0 };
  for (let i = 0; i < 2000; i++) {
    const wanted = key(random.integer(0, 32));
    const place = longestMatch(image, wanted);
    const value = place === undefined ? undefined : values.getUint32(4 * place, true);
    expect(value).toBe(map.get(wanted));
    found[place === undefined ? "none" : "some"]++;
  }
  expect(Math.min(found.some, found.none)).toBeGreaterThan(0);
});
