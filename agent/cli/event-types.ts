import { InvalidArgumentError } from "commander";
import type { Flow } from "#agent/api/flow.ts";
import { layer7Family } from "#agent/api/layer7-text.ts";

/** Hubble's numbers of events, by the names that its command line has for them. */
const types: ReadonlyMap<string, number> = new Map([
  ["drop", 1],
  ["debug", 2],
  ["capture", 3],
  ["trace", 4],
  ["policy-verdict", 5],
  ["l7", 129],
  ["agent", 130],
  ["trace-sock", 131],
]);

/** Where the packet of a trace was seen. */
const points: ReadonlyMap<string, number> = new Map([
  ["to-endpoint", 0],
  ["to-proxy", 1],
  ["to-host", 2],
  ["to-stack", 3],
  ["to-overlay", 4],
  ["from-endpoint", 5],
  ["from-proxy", 6],
  ["from-host", 7],
  ["from-stack", 8],
  ["from-overlay", 9],
  ["from-network", 10],
  ["to-network", 11],
]);

/** `drop`, `trace:to-endpoint`, `drop:133`, `4:0`. */
export function eventType(text: string): { type: number; match_sub_type?: true; sub_type?: number } {
  const [name = "", sub, more] = text.split(":");
  const type = types.get(name) ?? numberOf(name);
  if (type === undefined || more !== undefined) {
    throw new InvalidArgumentError(`It is none of ${[...types.keys()].join(", ")}, nor a number.`);
  }
  if (sub === undefined) return { type };
  const subType = (type === 4 ? points.get(sub) : undefined) ?? numberOf(sub);
  if (subType !== undefined) return { type, match_sub_type: true, sub_type: subType };
  const known = type === 4 ? `none of ${[...points.keys()].join(", ")}, nor a number` : "no number";
  throw new InvalidArgumentError(`Its sub type is ${known}.`);
}

/** The other way round; of a number that has no name, the number. Of requests what kind they are: `http-request`. */
export function eventTypeName(flow: Flow): string {
  const { type, sub_type: sub } = flow.event_type;
  const family = layer7Family(flow);
  if (family) return `${family}-${flow.l7?.type === "RESPONSE" ? "response" : "request"}`;
  if (type === 4) return nameOf(points, sub) ?? `trace:${sub}`;
  return nameOf(types, type) ?? String(type);
}

function nameOf(names: ReadonlyMap<string, number>, wanted: number): string | undefined {
  return [...names].find(([, number]) => number === wanted)?.[0];
}

function numberOf(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
