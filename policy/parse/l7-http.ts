import type { HeaderMatch, HttpRule } from "#policy/model/l7.ts";
import type { RegexChecks } from "./l7-regexes.ts";
import type { Fields, Reader } from "./reader.ts";

const MISMATCHES = ["LOG", "ADD", "DELETE", "REPLACE"] as const;

/** RFC 9110, section 5.6.2; pseudo-headers of HTTP/2 begin with a colon. */
const NAME = /^:?[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER = /^(:?[!#$%&'*+.^_`|~0-9A-Za-z-]+)(?::? +([^\p{Cc} ]\P{Cc}*))?$/u;

/** An item of `http`. */
export function readHttpRule(reader: Reader, regexes: RegexChecks): HttpRule | null {
  const fields = reader.fields();
  if (!fields) return null;
  const rule = {
    method: readRegex(fields, "method", regexes),
    path: readRegex(fields, "path", regexes),
    host: readRegex(fields, "host", regexes),
    headers: (fields.optional("headers")?.items() ?? []).map(readHeader).filter((header) => header !== null),
    headerMatches: (fields.optional("headerMatches")?.items() ?? [])
      .map(readHeaderMatch)
      .filter((match) => match !== null),
  };
  fields.refuseOthers();
  return rule;
}

/** The empty text means what a missing one means: any. */
function readRegex(fields: Fields, name: string, regexes: RegexChecks): string | null {
  return fields.optional(name)?.text((text) => regexes.fault(text)) || null;
}

/** `NAME`, `NAME: VALUE` or `NAME VALUE`. */
function readHeader(reader: Reader): string | null {
  const text = reader.text((value) =>
    HEADER.test(value) ? null : 'is not a header like "X-Tenant" or "X-Tenant: blue"',
  );
  const [, name, value] = HEADER.exec(text ?? "") ?? [];
  if (name === undefined) return null;
  return value === undefined ? name : `${name}: ${value}`;
}

function readHeaderMatch(reader: Reader): HeaderMatch | null {
  const fields = reader.fields();
  if (!fields) return null;
  const name = fields.required("name")?.text((text) => (NAME.test(text) ? null : "is not a header's name")) ?? null;
  const value = fields.optional("value")?.string() || null;
  const mismatch = fields.optional("mismatch")?.oneOf(MISMATCHES) ?? null;
  fields.refuse("secret", "is not supported: values of headers are not read from secrets; use value");
  fields.refuseOthers();
  return name === null ? null : { name, value, mismatch };
}
