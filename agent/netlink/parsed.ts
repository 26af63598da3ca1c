/** The outcome of reading bytes that may be anything. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: string };

export function parsed<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

export function malformed(error: string): { readonly ok: false; readonly error: string } {
  return { ok: false, error };
}
