import type { BtfValue } from "libbpf-ts";
import type { MapEntry, MapReader } from "./map-reader.ts";
import { leaves } from "./map-text.ts";

/** A part of a key that is asked for: its place, empty for a bare key, and its text as a dump shows it. */
export interface KeyPart {
  readonly path: string;
  readonly text: string;
}

/** `address=10.0.0.7` or, of a key that is one value, `7`. */
export function keyPart(word: string): KeyPart {
  const at = word.indexOf("=");
  return { path: at < 0 ? "" : word.slice(0, at), text: word.slice(at + 1) };
}

/** The entries whose keys have all these parts; of a map of maps, `outer` is the key of the inner map. */
export function* matchingEntries(reader: MapReader, parts: readonly KeyPart[]): Generator<MapEntry> {
  for (const raw of reader.raw()) {
    if (parts.every((part) => hasPart(part, raw.outer, reader.key(raw)))) yield reader.decode(raw);
  }
}

function hasPart({ path, text }: KeyPart, outer: MapEntry["outer"], key: BtfValue): boolean {
  if (path === "outer" && outer !== undefined) return String(outer) === text;
  return leaves(key).some(([place, value]) => place === path && value === text);
}
