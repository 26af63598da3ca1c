import type { Random } from "#test/support/random.ts";

/** What has a meaning in YAML, or comes close to it. */
const TOKENS = [
  "&a ",
  "*a",
  "? ",
  "[",
  "]",
  "{",
  "}",
  "- ",
  "\n",
  "  ",
  ": ",
  ", ",
  "|\n",
  ">-\n  ",
  '"',
  "'",
  "\\x",
  "\\uD800",
  "!!set ",
  "!!int ",
  "!<tag:x> ",
  "%YAML 1.1\n",
  "---\n",
  "...\n",
  "\t",
  "#",
  "\r\n",
  "\0",
  "\u0085",
  "\u2028",
  "\ufeff",
  "\u{1f600}",
  "null",
  "true",
  "1e999",
  "0o17",
  ".nan",
  "<<: ",
  "=",
  "kind: List\nitems:\n",
];

/** A text in which some pieces are missing, doubled, elsewhere, or new. */
export function mutateText(random: Random, text: string, other: string): string {
  let mutated = text;
  for (let n = random.integer(1, 4); n > 0; n--) mutated = mutateOnce(random, mutated, other);
  return mutated;
}

function mutateOnce(random: Random, text: string, other: string): string {
  const start = random.integer(0, text.length);
  const end = Math.min(text.length, start + random.integer(0, random.chance(0.2) ? 200 : 8));
  const [before, piece, after] = [text.slice(0, start), text.slice(start, end), text.slice(end)];
  switch (random.integer(0, 7)) {
    case 0:
      return before + after;
    case 1:
      return before + piece.repeat(random.integer(2, 20)) + after;
    case 2:
      return before + random.pick(TOKENS) + after;
    case 3:
      return before + random.pick(TOKENS).repeat(random.integer(1, random.chance(0.1) ? 500 : 3)) + piece + after;
    case 4:
      return before + String.fromCodePoint(random.integer(0, random.chance(0.8) ? 127 : 0x2fff)) + after;
    case 5:
      return spliceLines(random, text, other);
    case 6:
      return indentLines(random, text);
    default:
      return before + String(random.pick([0, -1, 65536, 1e21, 2 ** 31])) + after;
  }
}

/** Some lines of another text in the place of some of this one. */
function spliceLines(random: Random, text: string, other: string): string {
  const lines = text.split("\n");
  const others = other.split("\n");
  const from = random.integer(0, others.length - 1);
  const given = others.slice(from, from + random.integer(1, 8));
  lines.splice(random.integer(0, lines.length), random.integer(0, given.length), ...given);
  return lines.join("\n");
}

function indentLines(random: Random, text: string): string {
  const lines = text.split("\n");
  const from = random.integer(0, lines.length - 1);
  const count = random.integer(1, 6);
  const shift = (line: string): string => (random.chance(0.5) ? `  ${line}` : line.replace(/^ {1,2}/, ""));
  return lines.map((line, i) => (i >= from && i < from + count ? shift(line) : line)).join("\n");
}
