import type { Controls } from "#policy/model/controls.ts";

const MOST = 1_000_000;

/** Reads one value of an annotation: what it adds to a rule, or what is wrong with it. */
type ControlParser = (text: string) => Controls | string;

/** The annotations by which people control rules, by their names. */
export const CONTROLS: ReadonlyMap<string, { readonly parse: ControlParser; readonly isLimit: boolean }> = new Map([
  ["weir.io/stage", { parse: parseStage, isLimit: false }],
  ["weir.io/not-after", { parse: parseNotAfter, isLimit: false }],
  ["weir.io/rate-limit", { parse: parseRate, isLimit: true }],
  ["weir.io/connection-limit", { parse: parseConnections, isLimit: true }],
  ["weir.io/proxy-failure", { parse: parseProxyFailure, isLimit: false }],
]);

export function parseStage(text: string): Controls | string {
  return text === "audit" ? { staged: true } : "is not audit";
}

function parseNotAfter(text: string): Controls | string {
  const notAfter = parseInstant(text);
  return notAfter === null ? "is not an instant with its zone, like 2026-12-31T00:00:00Z" : { notAfter };
}

function parseRate(text: string): Controls | string {
  const rate = text.endsWith("/s") ? parseCount(text.slice(0, -2)) : null;
  return rate === null ? `is not a rate like 100/s, from 1/s to ${MOST}/s` : { rate };
}

function parseConnections(text: string): Controls | string {
  const connections = parseCount(text);
  return connections === null ? `is not a whole number from 1 to ${MOST}` : { connections };
}

function parseProxyFailure(text: string): Controls | string {
  return text === "open" ? { failsOpen: true } : "is not open";
}

function parseCount(text: string): number | null {
  return /^[1-9][0-9]{0,6}$/.test(text) && Number(text) <= MOST ? Number(text) : null;
}

const HOURS = "([01][0-9]|2[0-3])";
const INSTANT = new RegExp(
  `^[0-9]{4}-[0-9]{2}-[0-9]{2}T${HOURS}(:[0-5][0-9]){2}(\\.[0-9]{1,9})?(Z|[+-]${HOURS}:[0-5][0-9])$`,
);

/** RFC 3339, without leap seconds. Milliseconds since 1970; null when the text is no instant. */
export function parseInstant(text: string): number | null {
  const upper = text.toUpperCase();
  if (!INSTANT.test(upper)) return null;
  // A 30th of February is parsed as a day in March.
  const written = upper.slice(0, "2026-12-31T00:00:00".length);
  const local = new Date(`${written}Z`);
  return !Number.isNaN(local.getTime()) && local.toISOString().startsWith(written) ? Date.parse(upper) : null;
}
