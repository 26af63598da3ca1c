import { InvalidArgumentError } from "commander";

const DURATION = /^(\d+[smhd])+$/;
const seconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/**
 * An instant as RFC 3339 text, from such a text or from how long ago it was: `90s`, `5m`, `1h30m`.
 *
 * @param now milliseconds since 1970.
 */
export function instant(text: string, now: number): string {
  if (DURATION.test(text)) return new Date(now - duration(text)).toISOString();
  const isInstant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(text);
  if (!isInstant || Number.isNaN(Date.parse(text))) {
    throw new InvalidArgumentError("It is neither a duration (5m, 1h30m) nor an instant (2026-01-31T12:00:00Z).");
  }
  const [, digits = ""] = /\.(\d+)/.exec(text) ?? [];
  const iso = new Date(text).toISOString();
  // What is finer than a millisecond counts, too.
  return digits.length > 3 ? iso.replace(/\d{3}Z$/, `${digits.slice(0, 9)}Z`) : iso;
}

/** `90s`, `5m`, `1h30m` in milliseconds. */
export function duration(text: string): number {
  if (!DURATION.test(text)) throw new InvalidArgumentError("It is not a duration: 30s, 5m, 1h30m.");
  const parts = text.matchAll(/(\d+)([smhd])/g);
  return parts.reduce((sum, [, count, unit]) => sum + 1000 * Number(count) * (seconds[unit ?? ""] ?? 0), 0);
}
