/**
 * Shapes tell what JSON from outside must look like, and give it a type. A schema
 * library would do the same, for half of the binary's start-up time.
 */
class Mismatch extends Error {}

/** Gives the value its type, or throws a {@link Mismatch}; unknown fields are left out. */
export type Shape<T> = (value: unknown, path: string) => T;

/** Holds a value against a shape; the error reads `FIELD: VALUE is not ...`. */
export function match<T>(
  shape: Shape<T>,
  value: unknown,
): { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: string } {
  try {
    return { ok: true, value: shape(value, "") };
  } catch (error) {
    if (error instanceof Mismatch) return { ok: false, error: error.message };
    throw error;
  }
}

/** @param wanted completes "is not ..." where the pattern does not match. */
export function text(pattern = /^/, wanted = "a text"): Shape<string> {
  return (value, path) => (typeof value === "string" && pattern.test(value) ? value : refuse(value, path, wanted));
}

export function integer(least: number, most: number): Shape<number> {
  return (value, path) =>
    typeof value === "number" && Number.isInteger(value) && value >= least && value <= most
      ? value
      : refuse(value, path, `an integer from ${least} to ${most}`);
}

export const truth: Shape<boolean> = (value, path) =>
  typeof value === "boolean" ? value : refuse(value, path, "true or false");

export const anything: Shape<unknown> = (value) => value;

export function oneOf<T extends string>(...words: readonly T[]): Shape<T> {
  return (value, path) => words.find((word) => word === value) ?? refuse(value, path, `one of ${words.join(", ")}`);
}

/** Absent, or null as some runtimes write for it. */
export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return (value, path) => (value === undefined || value === null ? undefined : shape(value, path));
}

export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return (value, path) => (value === null ? null : shape(value, path));
}

export function list<T>(shape: Shape<T>): Shape<T[]> {
  return (value, path) =>
    Array.isArray(value)
      ? value.map((item: unknown, index) => shape(item, `${path}[${index}]`))
      : refuse(value, path, "a list");
}

export function record<T>(shape: Shape<T>): Shape<Record<string, T>> {
  return (value, path) => {
    const entries = Object.entries(fields(value, path));
    return Object.fromEntries(entries.map(([key, item]) => [key, shape(item, join(path, key))]));
  };
}

export function object<T extends object>(shapes: { readonly [K in keyof T]: Shape<T[K]> }): Shape<T> {
  return (value, path) => {
    const given = fields(value, path);
    const result: Partial<T> = {};
    for (const key in shapes) {
      const field = shapes[key](given[key], join(path, key));
      if (field !== undefined) result[key] = field;
    }
    return result as T;
  };
}

function fields(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse(value, path, "an object");
  return value as Record<string, unknown>;
}

function join(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}

function refuse(value: unknown, path: string, wanted: string): never {
  const where = path === "" ? "" : `${path}: `;
  if (value === undefined) throw new Mismatch(`${where}is missing, must be ${wanted}`);
  throw new Mismatch(`${where}${JSON.stringify(value).slice(0, 200)} is not ${wanted}`);
}
