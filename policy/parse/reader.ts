import { type Node, isAlias, isMap, isScalar, isSeq } from "yaml";
import { keyText, shorten, start } from "./text.ts";
import type { YamlFile } from "./yaml.ts";

/**
 * One value of a file with its place. Its methods return what the value is, or report
 * what it should be and return null; so a reader of an object goes on after an error
 * and finds the next.
 */
export class Reader {
  readonly #file: YamlFile;
  readonly #node: Node | null;
  readonly #offset: number;
  /** `spec.ingress[0]`; empty for an object as a whole. */
  readonly field: string;

  /** @param offset Where the value stands, if it is an alias or nothing. */
  constructor(file: YamlFile, node: Node | null, field: string, offset: number = node ? start(node) : 0) {
    this.#file = file;
    this.#offset = offset;
    this.#node = isAlias(node) ? (file.resolve(node) ?? null) : node;
    this.field = field;
  }

  get line(): number {
    return this.#file.errors.lineOf(this.#offset);
  }

  get isNull(): boolean {
    return this.#node === null || (isScalar(this.#node) && this.#node.value === null);
  }

  fail(message: string): null {
    this.#file.errors.add(this.#offset, this.field === "" ? "object" : this.field, message);
    return null;
  }

  string(): string | null {
    if (isScalar(this.#node) && typeof this.#node.value === "string") return this.#node.value;
    const hint = isScalar(this.#node) && !this.isNull ? "; put it in quotes" : "";
    return this.fail(`is ${this.#what()}, not a string${hint}`);
  }

  boolean(): boolean | null {
    if (isScalar(this.#node) && typeof this.#node.value === "boolean") return this.#node.value;
    return this.fail(`is ${this.#what()}, not true or false`);
  }

  /** A whole number from `least` to `most`. */
  integer(least: number, most: number): number | null {
    const value = isScalar(this.#node) ? this.#node.value : undefined;
    if (typeof value !== "number") return this.fail(`is ${this.#what()}, not a number from ${least} to ${most}`);
    const source = (isScalar(this.#node) && this.#node.source) || "";
    if (/^[-+]?0[0-9o]/.test(source)) {
      return this.fail(`${shorten(source)} begins with 0, which other readers of YAML take as octal; write ${value}`);
    }
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    return this.fail(`${value} is not a whole number from ${least} to ${most}`);
  }

  get isNumber(): boolean {
    return isScalar(this.#node) && typeof this.#node.value === "number";
  }

  get isEmptyList(): boolean {
    return isSeq(this.#node) && this.#node.items.length === 0;
  }

  /** A string that is one of these. */
  oneOf<T extends string>(values: readonly T[]): T | null {
    const text = this.string();
    if (text === null) return null;
    return values.find((value) => value === text) ?? this.fail(`"${shorten(text)}" is not one of ${values.join(", ")}`);
  }

  /** A string for which `check` finds no fault. */
  text(check: (text: string) => string | null): string | null {
    const text = this.string();
    if (text === null) return null;
    const fault = check(text);
    return fault === null ? text : this.fail(`"${shorten(text)}" ${fault}`);
  }

  /** Empty where the value is no list. */
  items(): Reader[] {
    if (!isSeq<Node | null>(this.#node)) {
      this.fail(`is ${this.#what()}, not a list`);
      return [];
    }
    return this.#node.items.map((item, i) => new Reader(this.#file, item, `${this.field}[${i}]`));
  }

  fields(): Fields | null {
    if (!isMap<Node, Node | null>(this.#node)) return this.fail(`is ${this.#what()}, not a mapping`);
    const fields = new Map<string, { key: Reader; value: Reader }>();
    for (const { key, value } of this.#node.items) {
      if (!isScalar(key)) continue;
      const name = keyText(key);
      // Of a field that is given twice, the first; the second has been reported.
      if (fields.has(name)) continue;
      const step = name === "" ? '""' : shorten(name);
      const path = this.field === "" ? step : `${this.field}.${step}`;
      fields.set(name, {
        key: new Reader(this.#file, key, path),
        value: new Reader(this.#file, value, path, value ? start(value) : start(key)),
      });
    }
    return new Fields(this, fields);
  }

  #what(): string {
    if (this.isNull) return "empty";
    if (isMap(this.#node)) return "a mapping";
    if (!isScalar(this.#node)) return "a list";
    const { value } = this.#node;
    return typeof value === "string" ? `the string "${shorten(value)}"` : `the ${typeof value} ${String(value)}`;
  }
}

/** One field of a mapping. */
export interface Entry {
  readonly name: string;
  readonly key: Reader;
  readonly value: Reader;
}

/** The fields of a mapping. A field that is there without a value counts as missing, as Kubernetes has it. */
export class Fields {
  readonly owner: Reader;
  readonly #fields: ReadonlyMap<string, { key: Reader; value: Reader }>;
  readonly #known = new Set<string>();
  readonly #refused = new Set<string>();

  constructor(owner: Reader, fields: ReadonlyMap<string, { key: Reader; value: Reader }>) {
    this.owner = owner;
    this.#fields = fields;
  }

  /** Null where the field is missing or empty. */
  optional(name: string): Reader | null {
    this.#known.add(name);
    const value = this.#fields.get(name)?.value;
    return value && !value.isNull ? value : null;
  }

  required(name: string): Reader | null {
    const value = this.optional(name);
    if (value) return value;
    const place = this.#fields.get(name)?.key ?? this.owner;
    place.fail(this.#fields.has(name) ? "is empty" : `${name} is missing`);
    return null;
  }

  /** Fields that may be there and say nothing about policy. */
  ignore(names: readonly string[]): void {
    for (const name of names) this.#known.add(name);
  }

  /** A field that others have, and that must not be there. */
  refuse(name: string, message: string): void {
    this.#refused.add(name);
    const value = this.#fields.get(name)?.value;
    if (value && !value.isNull) value.fail(message);
  }

  /** Reports every field that nobody has asked for. */
  refuseOthers(): void {
    const known = [...this.#known].sort().join(", ");
    for (const [name, { key }] of this.#fields) {
      if (!this.#known.has(name) && !this.#refused.has(name)) key.fail(`is not a known field; known are ${known}`);
    }
  }

  /** All fields, for mappings whose keys are free. */
  entries(): Entry[] {
    return [...this.#fields].map(([name, { key, value }]) => ({ name, key, value }));
  }
}

/** The fields of a mapping whose keys are free; none where there is no mapping. */
export function entriesOf(reader: Reader | null): readonly Entry[] {
  return reader?.fields()?.entries() ?? [];
}
