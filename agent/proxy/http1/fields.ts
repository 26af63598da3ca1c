/** Fields of a head, each in the order in which it came. */
export class Fields {
  /** Names in lower case and values in turn: what rules judge. */
  readonly flat: string[] = [];
  /** Names as they were written. */
  readonly written: string[] = [];

  add(written: string, name: string, value: string): void {
    this.flat.push(name, value);
    this.written.push(written);
  }

  has(name: string): boolean {
    for (let i = 0; i < this.flat.length; i += 2) if (this.flat[i] === name) return true;
    return false;
  }

  remove(name: string): void {
    let kept = 0;
    for (let i = 0; i < this.written.length; i++) {
      if (this.flat[2 * i] === name) continue;
      this.flat[2 * kept] = this.flat[2 * i] as string;
      this.flat[2 * kept + 1] = this.flat[2 * i + 1] as string;
      this.written[kept++] = this.written[i] as string;
    }
    this.flat.length = 2 * kept;
    this.written.length = kept;
  }

  /** The lines, each with its end. */
  format(): string {
    let text = "";
    for (let i = 0; i < this.written.length; i++) text += `${this.written[i]}: ${this.flat[2 * i + 1]}\r\n`;
    return text;
  }
}

/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What ends a line for some readers only, or ends a text: RFC 9112, section 2.2; RFC 9110, section 5.5. */
// oxlint-disable-next-line no-control-regex
const HAZARD = /[\0-\x08\x0a-\x1f\x7f]/;

export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

export function hasControls(text: string): boolean {
  return HAZARD.test(text);
}

/**
 * Reads one field line without its end, in Latin-1 (RFC 9112, section 5). Null: it is none; also where a line is folded,
 * or white space stands before the colon.
 */
export function readFieldLine(line: string): { readonly written: string; readonly value: string } | null {
  const colon = line.indexOf(":");
  if (colon <= 0) return null;
  const written = line.slice(0, colon);
  if (!TOKEN.test(written) || HAZARD.test(line)) return null;
  let begin = colon + 1;
  let end = line.length;
  while (begin < end && isBlank(line.charCodeAt(begin))) begin++;
  while (end > begin && isBlank(line.charCodeAt(end - 1))) end--;
  return { written, value: line.slice(begin, end) };
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** The members of a list of tokens (RFC 9110, section 5.6.1), in lower case; null: it is none. */
export function readTokens(value: string): string[] | null {
  if (value === "") return [];
  const members = value.split(",").map((member) => member.replaceAll(/^[ \t]+|[ \t]+$/g, "").toLowerCase());
  const present = members.filter((member) => member !== "");
  return present.every(isToken) ? present : null;
}
