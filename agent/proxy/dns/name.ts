/** Bytes of a name on the wire, with its labels' lengths and its end (RFC 1035, section 3.1). */
const LONGEST = 255;
/** Pointers of one name: as many as it has labels at most, one byte each, between a length and the root. */
const MOST_POINTERS = 126;
/** The two leading bits of a length that say what it is: a length, or a pointer. The other two are nobody's. */
const KIND = 0xc0;

/** What stands in a name's text for each byte of a label. */
const characters = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte).toLowerCase();
  return /^[-a-z0-9_]$/.test(character) && byte < 128 ? character : `\\${String(byte).padStart(3, "0")}`;
});

/**
 * Reads the name at an offset of a message, in lower case and without the trailing dot; bytes other than letters,
 * digits, `-` and `_` as `\DDD`, so that two names have one text only if they are one name. Null: it is cut off or
 * too long, or has a pointer that does not point backwards, or into the header, or many that lead to one another.
 */
export function readName(message: Uint8Array, offset: number): string | null {
  let text = "";
  let length = 1;
  let at = offset;
  // Pointers lead to places before this one: so there is no loop.
  let limit = offset;
  let pointers = 0;
  for (;;) {
    const label = message[at];
    if (label === undefined) return null;
    if (label === 0) return text;
    if ((label & KIND) === KIND) {
      const target = pointerAt(message, at);
      if (target < 12 || target >= limit || ++pointers > MOST_POINTERS) return null;
      limit = target;
      at = target;
      continue;
    }
    const end = at + 1 + label;
    length += 1 + label;
    if (label > 63 || end > message.length || length > LONGEST) return null;
    if (text !== "") text += ".";
    for (let i = at + 1; i < end; i++) text += characters[message[i] as number] as string;
    at = end;
  }
}

/**
 * Where the name at an offset ends, without a look at what its pointer leads to; -1: it does not end well. No pointer
 * of the first name of a message, which begins behind the header, is right.
 */
export function skipName(message: Uint8Array, offset: number): number {
  let at = offset;
  for (;;) {
    const label = message[at];
    if (label === undefined) return -1;
    if (label === 0) return at + 1;
    if ((label & KIND) === KIND) {
      const target = pointerAt(message, at);
      return target >= 12 && target < offset ? at + 2 : -1;
    }
    if (label > 63) return -1;
    at += 1 + label;
    if (at - offset >= LONGEST) return -1;
  }
}

/** -1 when its second byte is cut off. */
function pointerAt(message: Uint8Array, at: number): number {
  const low = message[at + 1];
  return low === undefined ? -1 : (((message[at] as number) & ~KIND) << 8) | low;
}
