import { readdirSync } from "node:fs";
import { join } from "node:path";
import { BpfError, type Btf, btfOfMap, MapHandle } from "libbpf-ts";
import { isErrno, reasonOf } from "#agent/runtime/errors.ts";
import { MapError } from "./map-error.ts";

/** The maps that an agent has pinned, whether it runs or not. What they hold is what the kernel says they hold. */
export class PinnedMaps implements Disposable {
  readonly #folder: string;
  readonly #open = new Map<string, MapHandle>();
  readonly #btf = new Map<number, Btf>();
  readonly names: readonly string[];

  /**
   * @param bpffs the folder that the agent is given as `--bpffs`.
   * @throws MapError `no-maps`, `not-permitted`.
   */
  constructor(bpffs: string) {
    this.#folder = join(bpffs, "weir", "maps");
    this.names = this.#read();
  }

  /** It stays open, and this object's. @throws MapError `no-such-map`, `not-permitted`. */
  map(name: string): MapHandle {
    const known = this.#open.get(name);
    if (known) return known;
    if (!this.names.includes(name)) {
      throw new MapError(
        "no-such-map",
        `there is no map ${name} in ${this.#folder}; weir bpf map list shows those that are`,
      );
    }
    try {
      const opened = MapHandle.openPinned(join(this.#folder, name), name);
      this.#open.set(name, opened);
      return opened;
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /** All types of what a map was loaded with; undefined for one that was made without. */
  btf(map: MapHandle): Btf | undefined {
    const known = this.#btf.get(map.info.btfId);
    if (known) return known;
    const read = btfOfMap(map);
    if (read) this.#btf.set(map.info.btfId, read);
    return read;
  }

  /** Those of a map first, then what the others were loaded with: not every program knows every type. */
  *types(first: MapHandle): Generator<Btf> {
    const given = new Set<number>();
    for (const map of [first, ...this.names.map((name) => this.map(name))]) {
      if (given.has(map.info.btfId)) continue;
      given.add(map.info.btfId);
      const btf = this.btf(map);
      if (btf) yield btf;
    }
  }

  [Symbol.dispose](): void {
    for (const map of this.#open.values()) map[Symbol.dispose]();
    this.#open.clear();
  }

  #read(): string[] {
    try {
      const names = readdirSync(this.#folder).toSorted();
      if (names.length > 0) return names;
    } catch (error) {
      if (!isErrno(error, "ENOENT") && !isErrno(error, "ENOTDIR")) throw this.#explain(error);
    }
    throw new MapError(
      "no-maps",
      `no maps are pinned in ${this.#folder}: start an agent, or name its BPF file system with --bpffs`,
    );
  }

  #explain(error: unknown): unknown {
    const denied = isErrno(error, "EACCES") || isErrno(error, "EPERM");
    if (!denied && !(error instanceof BpfError && error.code === "not-permitted")) return error;
    return new MapError("not-permitted", `open the maps in ${this.#folder}: ${reasonOf(error)}; run as root`, {
      cause: error,
    });
  }
}
