import { type NamedPort, portsNamed } from "#policy/model/identity.ts";
import type { PortMatch } from "#policy/model/port.ts";

/** Ports as rules have them: null: any protocol and port. */
export type Ports = readonly PortMatch[] | null;

const LAST_PORT = 65_535;

/** Whether all traffic of `narrow` (null: all that there is) is of one of `parts` together. */
export function isPortCovered(narrow: PortMatch | null, parts: readonly Ports[]): boolean {
  if (parts.includes(null)) return true;
  if (narrow === null) return false;
  const wide = parts.flatMap((part) => part ?? []).filter(({ protocol }) => protocol === narrow.protocol);
  if (narrow.kind === "name") {
    return wide.some((one) => one.kind === "all" || (one.kind === "name" && one.name === narrow.name));
  }
  const [start, last] = intervalOf(narrow);
  let next = start;
  const intervals = wide.flatMap((one) => (one.kind === "name" ? [] : [intervalOf(one)]));
  for (const [first, end] of intervals.sort((a, b) => a[0] - b[0])) {
    if (first > next) break;
    next = Math.max(next, end + 1);
  }
  return next > last;
}

/** Whether there could be traffic of both. A name could be any number. */
export function canPortsMeet(a: Ports, b: Ports): boolean {
  if (a === null || b === null) return (a ?? b)?.length !== 0;
  return a.some((one) => b.some((other) => canMatchesMeet(one, other)));
}

function canMatchesMeet(a: PortMatch, b: PortMatch): boolean {
  if (a.protocol !== b.protocol) return false;
  if (a.kind === "name" || b.kind === "name") return true;
  const [first, last] = intervalOf(a);
  const [otherFirst, otherLast] = intervalOf(b);
  return first <= otherLast && otherFirst <= last;
}

/** Ports with names as the numbers that a pod's table has for them. */
export function resolveNames(ports: Ports, table: readonly NamedPort[]): Ports {
  return (
    ports &&
    ports.flatMap((match): PortMatch[] => {
      const { protocol } = match;
      if (match.kind !== "name") return [match];
      const numbers = portsNamed(table, match.name, match.protocol);
      return numbers.map((port) => ({ protocol, kind: "range", first: port, last: port }));
    })
  );
}

export function hasName(ports: Ports): boolean {
  return ports?.some(({ kind }) => kind === "name") ?? false;
}

function intervalOf(match: Exclude<PortMatch, { kind: "name" }>): [number, number] {
  return match.kind === "all" ? [0, LAST_PORT] : [match.first, match.last];
}
