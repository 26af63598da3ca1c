import type { HeaderMatch, HttpRule } from "#policy/model/l7.ts";
import type { HeaderMutation, HttpRequest } from "./http.ts";

/** What rules say of a request's headers; null: they refuse it. */
export type HeaderVerdict = {
  readonly mutations: readonly HeaderMutation[];
  readonly mismatches: readonly string[];
} | null;

/** Never changed by a rule: they say where a message ends, whom it is for, and what is said to the next hop only. */
const UNTOUCHABLE = new Set(
  (
    "connection content-length host http2-settings keep-alive proxy-connection te trailer transfer-encoding upgrade " +
    "expect"
  ).split(" "),
);

interface Wish {
  readonly name: string;
  /** In Latin-1; null: any. */
  readonly value: string | null;
  readonly mismatch: HeaderMatch["mismatch"];
}

/** Compiles what a rule asks of headers; null: nothing. */
export function compileHeaders({ headers, headerMatches }: HttpRule): ((request: HttpRequest) => HeaderVerdict) | null {
  const wishes = [...headers.map(readHeader), ...headerMatches.map(readHeaderMatch)];
  if (wishes.length === 0) return null;
  return (request) => {
    const mutations: HeaderMutation[] = [];
    const mismatches: string[] = [];
    for (const { name, value, mismatch } of wishes) {
      const given = headerValue(request, name);
      if (given !== null && (value === null || given === value)) continue;
      if (mismatch === null) return null;
      mismatches.push(name);
      const mutation = mutationFor(name, value, mismatch, given);
      if (mutation) mutations.push(mutation);
    }
    return { mutations, mismatches };
  };
}

/** `NAME` or `NAME: VALUE`. */
function readHeader(text: string): Wish {
  const colon = text.indexOf(":", 1);
  const name = colon < 0 ? text : text.slice(0, colon);
  return { name: name.toLowerCase(), value: colon < 0 ? null : wireText(text.slice(colon + 1).trim()), mismatch: null };
}

function readHeaderMatch({ name, value, mismatch }: HeaderMatch): Wish {
  const lowerName = name.toLowerCase();
  const wire = value === null ? null : wireText(value);
  const changes = mismatch === "ADD" || mismatch === "DELETE" || mismatch === "REPLACE";
  const isRefused = changes && (lowerName.startsWith(":") || UNTOUCHABLE.has(lowerName) || !isFieldValue(wire ?? ""));
  return { name: lowerName, value: wire, mismatch: isRefused ? null : mismatch };
}

/**
 * The value of a header; of one that is there several times, all of them with commas between, so that who adds one
 * makes it another value. Null: it is not there.
 */
function headerValue({ fields, method, host, target }: HttpRequest, name: string): string | null {
  if (name === ":method") return method;
  if (name === ":path") return target.path + target.query;
  if (name === ":authority" || name === "host") return host === "" ? null : host;
  let found: string | null = null;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== name) continue;
    const value = fields[i + 1] ?? "";
    found = found === null ? value : `${found},${value}`;
  }
  return found;
}

/** ADD and REPLACE without a value have nothing to give; DELETE of what is not there has nothing to do. */
function mutationFor(
  name: string,
  value: string | null,
  mismatch: NonNullable<HeaderMatch["mismatch"]>,
  given: string | null,
): HeaderMutation | null {
  switch (mismatch) {
    case "LOG":
      return null;
    case "ADD":
      return value === null ? null : { kind: "add", name, value };
    case "DELETE":
      return given === null ? null : { kind: "remove", name };
    case "REPLACE":
      return value === null ? null : { kind: "set", name, value };
  }
}

/** RFC 9110, section 5.5; a value without what could end the line. */
function isFieldValue(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value) && value.trim() === value;
}

/** The bytes of UTF-8, a character each, as headers are read. */
function wireText(text: string): string {
  return /^\p{ASCII}*$/u.test(text) ? text : String.fromCharCode(...new TextEncoder().encode(text));
}
