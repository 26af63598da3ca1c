import { rmSync } from "node:fs";
import { Descriptor } from "./descriptor.ts";
import { check } from "./errors.ts";
import { type MapInfo, mapInfo } from "./info.ts";
import { abi } from "./native/abi.ts";
import { native } from "./native/library.ts";
import { Struct } from "./native/struct.ts";
import { openPin } from "./pin.ts";

/** `enum bpf_map_type`. */
export const MapType = {
  HASH: 1,
  ARRAY: 2,
  PERCPU_HASH: 5,
  PERCPU_ARRAY: 6,
  LRU_HASH: 9,
  LRU_PERCPU_HASH: 10,
  LPM_TRIE: 11,
  ARRAY_OF_MAPS: 12,
  HASH_OF_MAPS: 13,
  RINGBUF: 27,
} as const;
export type MapType = (typeof MapType)[keyof typeof MapType];

/** Flags of map creation, `<linux/bpf.h>`. */
export const MapFlag = { NO_PREALLOC: 1, MMAPABLE: 1 << 10 } as const;

export interface MapSpec {
  readonly type: MapType;
  readonly name: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags?: number;
}

/** A kernel map, whatever is in it. */
export class MapHandle implements Disposable {
  readonly #descriptor: Descriptor;
  readonly info: MapInfo;
  readonly name: string;

  constructor(fd: number, name?: string) {
    this.info = mapInfo(fd);
    this.name = name ?? this.info.name;
    this.#descriptor = new Descriptor(fd, `map ${this.name}`);
  }

  /** Creates a map of its own, without an object. */
  static create(spec: MapSpec): MapHandle {
    const { type, name, keySize, valueSize, maxEntries, flags } = spec;
    const layout = abi.bpf_map_create_opts;
    const options = Struct.sized(layout.size).u32(layout.map_flags, flags ?? 0);
    const fd = native().mapCreate(type, name, keySize, valueSize, maxEntries, options.bytes) as number;
    return new MapHandle(check(fd, "bpf_map_create", `map ${name}`), name);
  }

  /**
   * @param name which the kernel has the first 15 letters of.
   * @throws BpfError `not-found` when nothing is pinned there, `incompatible` when it is no map.
   */
  static openPinned(path: string, name?: string): MapHandle {
    return new MapHandle(openPin(path, "map"), name);
  }

  /** By the number that the kernel gave it, as a map of maps answers a look-up. */
  static openById(id: number, name?: string): MapHandle {
    return new MapHandle(check(native().mapFdById(id) as number, "bpf_map_get_fd_by_id", `map ${id}`), name);
  }

  get fd(): number {
    return this.#descriptor.fd;
  }

  pin(path: string): void {
    check(native().objPin(this.fd, path) as number, "bpf_obj_pin", `map ${this.name} at ${path}`);
  }

  static unpin(path: string): void {
    rmSync(path, { force: true });
  }

  [Symbol.dispose](): void {
    this.#descriptor[Symbol.dispose]();
  }
}
