import type { MapImage } from "./kernel.ts";

/**
 * Where in an image of an LPM trie the entry stands that a look-up of `wanted` finds; undefined: it finds none. Both keys begin
 * with the length of their prefix, `__u32`.
 */
export function longestMatch({ keys, count }: MapImage, wanted: Uint8Array): number | undefined {
  const size = wanted.length;
  const view = new DataView(keys.buffer, keys.byteOffset, keys.length);
  const limit = new DataView(wanted.buffer, wanted.byteOffset, size).getUint32(0, true);
  let longest = -1;
  let place: number | undefined;
  for (let i = 0; i < count; i++) {
    const bits = view.getUint32(i * size, true);
    if (bits <= longest || bits > limit || !begins(keys, i * size + 4, wanted, bits)) continue;
    longest = bits;
    place = i;
  }
  return place;
}

/** Do the bits at `at`, and those of `wanted` behind its length, begin alike? */
function begins(keys: Uint8Array, at: number, wanted: Uint8Array, bits: number): boolean {
  const whole = bits >>> 3;
  for (let i = 0; i < whole; i++) if (keys[at + i] !== wanted[4 + i]) return false;
  const rest = bits & 7;
  if (rest === 0) return true;
  return (((keys[at + whole] as number) ^ (wanted[4 + whole] as number)) & (0xff00 >> rest) & 0xff) === 0;
}
