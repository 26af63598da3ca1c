import type { BtfValue } from "libbpf-ts";
import type { MapEntry } from "./map-reader.ts";

/** JSON with numbers of 64 bits as they are: `JSON.stringify` has none. */
export function jsonText(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(jsonText).join(",")}]`;
  return `{${Object.entries(value)
    .map(([name, inner]) => `${JSON.stringify(name)}:${jsonText(inner)}`)
    .join(",")}}`;
}

/** The values inside a value by their places: `end[0].verdict`. A list of bare values is one. */
export function leaves(value: BtfValue, path = ""): [string, string][] {
  if (typeof value !== "object" || value === null) return [[path, String(value)]];
  if (Array.isArray(value)) {
    const list = value as readonly BtfValue[];
    if (list.every((one) => typeof one !== "object" || one === null)) return [[path, `[${list.join(",")}]`]];
    return list.flatMap((one, index) => leaves(one, `${path}[${index}]`));
  }
  return Object.entries(value).flatMap(([name, inner]) => leaves(inner, path === "" ? name : `${path}.${name}`));
}

/** `address=10.0.0.7 family=FAMILY_IPV4`; a bare value as it is. */
function words(value: BtfValue): string {
  return leaves(value)
    .map(([path, text]) => (path === "" ? text : `${path}=${text}`))
    .join(" ");
}

/** Where an entry stands: its map, and its key. */
export function placeText({ map, outer, key }: Pick<MapEntry, "map" | "outer" | "key">): string {
  return `${map}${outer === undefined ? "" : ` ${words(outer)}`} ${words(key)}`;
}

/** What an entry holds. */
export function payloadOf({ value, values }: Pick<MapEntry, "value" | "values">): BtfValue {
  return value ?? values ?? null;
}

/** An entry in one line. */
export function entryText(entry: MapEntry): string {
  return `${placeText(entry)} -> ${words(payloadOf(entry))}`;
}
