import type { HeaderMutation } from "#policy/l7/http.ts";
import { toldValue } from "../header-values.ts";

type ToldHeaders = readonly { readonly key: string; readonly value: string }[];

/** Fields of a head, in the order in which they came. Once they are read nobody changes them. */
export class Fields {
  /** Names in lower case and values in turn: what rules judge. */
  readonly flat: string[] = [];
  /** Names as they were written. */
  readonly written: string[] = [];
  #text: string | null = null;
  #told: ToldHeaders | null = null;
  #toldWith: ReadonlySet<string> | undefined;

  add(written: string, name: string, value: string): void {
    this.flat.push(name, value);
    this.written.push(written);
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** The value of the first of this name. */
  get(name: string): string | undefined {
    for (let i = 0; i < this.flat.length; i += 2) if (this.flat[i] === name) return this.flat[i + 1];
    return undefined;
  }

  /** Others, without those of these names. */
  without(names: ReadonlySet<string>): Fields {
    const others = new Fields();
    for (const [i, written] of this.written.entries()) {
      const name = this.flat[2 * i] as string;
      if (!names.has(name)) others.add(written, name, this.flat[2 * i + 1] as string);
    }
    return others;
  }

  /** Others, as a rule wants them. */
  changed(mutations: readonly HeaderMutation[]): Fields {
    let others: Fields = new Fields();
    others.flat.push(...this.flat);
    others.written.push(...this.written);
    for (const mutation of mutations) {
      if (mutation.kind !== "add") others = others.without(new Set([mutation.name]));
      if (mutation.kind !== "remove") others.add(mutation.name, mutation.name, mutation.value);
    }
    return others;
  }

  /** As the agent may be told of them. @param shown names, beside harmless ones, whose values are told */
  told(shown: ReadonlySet<string> | undefined): ToldHeaders {
    if (this.#told !== null && shown === this.#toldWith) return this.#told;
    this.#toldWith = shown;
    this.#told = this.written.map((key, i) => ({
      key,
      value: toldValue(this.flat[2 * i] as string, this.flat[2 * i + 1] as string, shown),
    }));
    return this.#told;
  }

  /** The lines, each with its end. */
  format(): string {
    if (this.#text !== null) return this.#text;
    let text = "";
    for (let i = 0; i < this.written.length; i++) text += `${this.written[i]}: ${this.flat[2 * i + 1]}\r\n`;
    this.#text = text;
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

/** A line of a head. */
export interface FieldLine {
  readonly written: string;
  /** In lower case. */
  readonly name: string;
  readonly value: string;
}

/**
 * Reads one field line without its end, in Latin-1 (RFC 9112, section 5). Null: it is none; also where a line is folded,
 * or white space stands before the colon.
 */
export function readFieldLine(line: string): FieldLine | null {
  const colon = line.indexOf(":");
  if (colon <= 0) return null;
  const written = line.slice(0, colon);
  if (!TOKEN.test(written) || HAZARD.test(line)) return null;
  let begin = colon + 1;
  let end = line.length;
  while (begin < end && isBlank(line.charCodeAt(begin))) begin++;
  while (end > begin && isBlank(line.charCodeAt(end - 1))) end--;
  return { written, name: written.toLowerCase(), value: line.slice(begin, end) };
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
