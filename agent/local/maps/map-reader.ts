import {
  BpfError,
  type BtfDecoder,
  type BtfType,
  type BtfValue,
  btfDecoder,
  lookupShape,
  type LookupShape,
  MapHandle,
  MapType,
  readEntries,
  unreadBytes,
} from "libbpf-ts";
import { type FindEnum, knownMembers, knownNumber } from "./known-members.ts";
import { MapError } from "./map-error.ts";
import type { PinnedMaps } from "./pinned-maps.ts";

/** An entry as its bytes, which may change at the next step. */
export interface RawEntry {
  /** Of a map of maps: the key under which the inner map stands. */
  readonly outer?: number | string;
  readonly key: Uint8Array;
  /** Of a per-CPU map those of all CPUs. */
  readonly value: Uint8Array;
}

/** An entry, decoded. */
export interface MapEntry {
  readonly map: string;
  /** Of a map of maps: the key under which the inner map stands. */
  readonly outer?: number | string;
  readonly key: BtfValue;
  /** Of a per-CPU map that counts: the sum. */
  readonly value?: BtfValue;
  /** Of any other per-CPU map, or where they were asked for: one for each CPU. */
  readonly values?: readonly BtfValue[];
}

/** Types of what is in maps of maps: BTF has none for these. */
const innerTypes: Readonly<Record<string, { readonly key: string; readonly value: string }>> = {
  policy: { key: "policy_key", value: "policy_entry" },
};

interface Part {
  readonly decode: BtfDecoder;
  readonly type: BtfType | undefined;
}

/** Reads one pinned map, with the types that the kernel has of it. */
export class MapReader {
  readonly name: string;
  readonly #map: MapHandle;
  readonly #key: Part;
  readonly #value: Part;
  readonly #outer: (key: Uint8Array) => number | string;
  /** Of the values that are read: of a map of maps those of the inner maps. */
  readonly #shape: LookupShape;
  readonly #perCpu: boolean;

  /**
   * @param options `perCpu`: all values of a map that counts, not their sum.
   * @throws MapError `no-such-map`, `not-permitted`, `no-entries`.
   */
  constructor(maps: PinnedMaps, name: string, { perCpu = false }: { readonly perCpu?: boolean } = {}) {
    this.name = name;
    this.#map = maps.map(name);
    refuseRingBuffer(this.#map);
    const findEnum: FindEnum = (wanted) => {
      if (wanted === "") return undefined;
      for (const btf of maps.types(this.#map)) {
        const found = btf.enum(wanted);
        if (found) return found.values;
      }
      return undefined;
    };
    const { keySize, valueSize, keyTypeId, valueTypeId, type } = this.#map.info;
    const own = maps.btf(this.#map);
    const inner = innerTypes[name];
    const named = (struct: string | undefined): BtfType | undefined => {
      if (struct === undefined) return undefined;
      for (const btf of maps.types(this.#map)) {
        const found = btf.struct(struct);
        if (found) return found;
      }
      return undefined;
    };
    const part = (which: "key" | "value", type: BtfType | undefined, size: number): Part => {
      // Whoever made the map may have had other types of this name.
      const fits = type?.size === size ? type : undefined;
      const decode = fits
        ? (knownNumber(name, which, fits, findEnum) ?? btfDecoder(fits, knownMembers(name, findEnum)))
        : hexDecoder(size);
      return { decode, type: fits };
    };
    this.#shape = lookupShape(this.#map);
    if (type === MapType.HASH_OF_MAPS || type === MapType.ARRAY_OF_MAPS) {
      const first = this.#firstInner();
      this.#outer = (key) => (keySize === 4 ? viewOf(key).getUint32(0, true) : Buffer.from(key).toString("hex"));
      this.#key = part("key", named(inner?.key), first?.keySize ?? 0);
      this.#value = part("value", named(inner?.value), first?.valueSize ?? 0);
    } else {
      this.#outer = () => "";
      this.#key = part("key", own?.type(keyTypeId), keySize);
      this.#value = part("value", own?.type(valueTypeId), valueSize);
    }
    this.#perCpu = this.#shape.cpus !== null && (perCpu || !isCounter(this.#value.type));
  }

  /** All entries. While others change the map, one may come twice or not at all. */
  *raw(): Generator<RawEntry> {
    const { info } = this.#map;
    if (info.type !== MapType.HASH_OF_MAPS && info.type !== MapType.ARRAY_OF_MAPS) {
      yield* rawEntries(this.#map, this.#shape.size);
      return;
    }
    for (const { key, value } of rawEntries(this.#map, 4)) {
      using inner = openInner(value);
      if (!inner) continue;
      const outer = this.#outer(key);
      for (const entry of rawEntries(inner, lookupShape(inner).size)) yield { outer, ...entry };
    }
  }

  key({ key }: RawEntry): BtfValue {
    return this.#key.decode(viewOf(key), 0);
  }

  decode(entry: RawEntry): MapEntry {
    const { outer } = entry;
    const place = { map: this.name, ...(outer === undefined ? {} : { outer }), key: this.key(entry) };
    const view = viewOf(entry.value);
    if (this.#shape.cpus === null) return { ...place, value: this.#value.decode(view, 0) };
    const values = Array.from({ length: this.#shape.cpus }, (_, cpu) => {
      return this.#value.decode(view, cpu * this.#shape.stride);
    });
    return this.#perCpu ? { ...place, values } : { ...place, value: values.reduce((a, b) => add(a, b)) };
  }

  /** The sizes of what is in a map of maps: the kernel sees to it that they are all alike. */
  #firstInner(): MapHandle["info"] | undefined {
    for (const { value } of rawEntries(this.#map, 4)) {
      using inner = openInner(value);
      if (inner) return inner.info;
    }
    return undefined;
  }
}

function refuseRingBuffer(map: MapHandle): void {
  if (map.info.type !== MapType.RINGBUF) return;
  throw new MapError(
    "no-entries",
    `${map.name} is a ring buffer, which has no entries: ${unreadBytes(map)} of ${map.info.maxEntries} bytes wait for their reader`,
  );
}

function* rawEntries(map: MapHandle, size: number): Generator<RawEntry> {
  const { keySize } = map.info;
  for (const { keys, values, count } of readEntries(map, size)) {
    for (let i = 0; i < count; i++) {
      yield { key: keys.subarray(i * keySize, (i + 1) * keySize), value: values.subarray(i * size, (i + 1) * size) };
    }
  }
}

/** An inner map by its number; undefined when it is gone since. */
function openInner(number: Uint8Array): MapHandle | undefined {
  try {
    return MapHandle.openById(viewOf(number).getUint32(0, true));
  } catch (error) {
    if (error instanceof BpfError && error.code === "not-found") return undefined;
    throw error;
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function hexDecoder(size: number): BtfDecoder {
  return (view, at) => Buffer.from(view.buffer, view.byteOffset + at, size).toString("hex");
}

/** Whether a type is of counters alone, whose sum over all CPUs says something. */
function isCounter(type: BtfType | undefined): boolean {
  switch (type?.kind) {
    case "typedef":
      return isCounter(type.target);
    case "int":
      return type.size === 8 && !type.signed;
    case "struct":
      return type.members.every((member) => isCounter(member.type));
    default:
      return false;
  }
}

/** Of two values of one type that {@link isCounter}. */
function add(a: BtfValue, b: BtfValue): BtfValue {
  if (typeof a === "bigint" && typeof b === "bigint") return a + b;
  const other = b as { readonly [name: string]: BtfValue };
  return Object.fromEntries(
    Object.entries(a as object).map(([name, value]) => [name, add(value as BtfValue, other[name] ?? 0n)]),
  );
}
