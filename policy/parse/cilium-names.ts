import type { NameMatch } from "#policy/model/l7.ts";
import type { Reader } from "./reader.ts";

const LONGEST = 255;
const NAME = /^[-a-z0-9_]+(\.[-a-z0-9_]+)*\.?$/i;
const PATTERN = /^[-a-z0-9_*]+(\.[-a-z0-9_*]+)*\.?$/i;

/** An item of `toFQDNs` or of DNS rules. */
export function readNameMatch(reader: Reader): NameMatch | null {
  const fields = reader.fields();
  if (!fields) return null;
  const nameField = fields.optional("matchName");
  const patternField = fields.optional("matchPattern");
  const name = nameField?.text(nameFault) ?? null;
  const pattern = patternField?.text(patternFault) ?? null;
  fields.refuseOthers();
  if (nameField && patternField) patternField.fail("cannot stand beside matchName; use two items");
  if (!nameField && !patternField) reader.fail("names nothing; accepted are matchName and matchPattern");
  if (name !== null) return { kind: "name", name: withoutDot(name) };
  return pattern === null ? null : { kind: "pattern", pattern: canonicalPattern(pattern) };
}

/** A name that a TLS client may ask for, or a pattern of such names. */
export function readServerName(reader: Reader): string | null {
  const text = reader.text(patternFault);
  return text === null ? null : canonicalPattern(text);
}

function nameFault(text: string): string | null {
  if (text.length > LONGEST) return `is longer than ${LONGEST} characters`;
  if (NAME.test(text)) return null;
  const hint = text.includes("*") ? "; a name with * is a matchPattern" : "";
  return `is not a DNS name: letters, digits, '-', '_' and single dots${hint}`;
}

function patternFault(text: string): string | null {
  if (text.length > LONGEST) return `is longer than ${LONGEST} characters`;
  return PATTERN.test(text)
    ? null
    : "is not a pattern of DNS names: letters, digits, '-', '_', '*' and single dots, or before them '**.'";
}

function withoutDot(text: string): string {
  return text.toLowerCase().replace(/\.$/, "");
}

/** Several stars in a row are one, except at the beginning and before a dot, where they are two. */
function canonicalPattern(text: string): string {
  const pattern = withoutDot(text);
  const several = /^\*{2,}\./.test(pattern);
  const stars = pattern.replace(/\*+/g, "*");
  return several ? `*${stars}` : stars;
}
