/**
 * A hash of 64 bits as 16 hexadecimal digits: two multiplicative hashes of the text's
 * UTF-16 units with different constants. Tells versions of a rule apart; no protection
 * against somebody who wants two texts with one hash.
 */
export function contentHash(text: string): string {
  let a = 0x811c9dc5;
  let b = 0x9e3779b9;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0x85ebca6b);
    b ^= b >>> 15;
  }
  a = Math.imul(a ^ (a >>> 16), 0x7feb352d) ^ b;
  b = Math.imul(b ^ (b >>> 13), 0xc2b2ae35) ^ text.length;
  const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, "0");
  return hex(a) + hex(b ^ (b >>> 16));
}
