import { readFileSync } from "node:fs";
import { duplicate } from "./descriptor.ts";
import { BpfError, check } from "./errors.ts";
import { MapHandle } from "./map-handle.ts";
import { addressOf, native, type Pointer, viewOf } from "./native/library.ts";
import { cString, Struct } from "./native/struct.ts";
import { Program } from "./program.ts";

/** Bytes for the verifier's log; what does not fit is cut at its beginning by the kernel. */
const logSize = 4 << 20;
/** How many of the log's last lines stand in the message. */
const logTail = 12;

interface Opened {
  readonly object: Pointer;
  readonly maps: ReadonlyMap<string, Pointer>;
  readonly programs: ReadonlyMap<string, Pointer>;
}

/**
 * A BPF object file: opened, changed as wanted (read-only data, sizes, maps that are
 * there already), then loaded once.
 */
export class BpfObject implements Disposable {
  readonly name: string;
  readonly #log = new Uint8Array(logSize);
  /** What C points to while the object is open. */
  readonly #kept: unknown[] = [];
  #opened: Opened | null;

  private constructor(bytes: Uint8Array, name: string) {
    this.name = name;
    const title = cString(name);
    // struct bpf_object_open_opts: object_name 8, kernel_log_buf 56, kernel_log_size 64, kernel_log_level 72.
    // Level 0: libbpf asks for the log only when a load has failed; writing it takes the verifier long.
    const options = new Struct(80)
      .u64(0, 80)
      .u64(8, addressOf(title))
      .u64(56, addressOf(this.#log))
      .u64(64, logSize)
      .u32(72, 0);
    this.#kept.push(bytes, title, options);
    const object = native().objectOpenMem(bytes, bytes.length, options.bytes) as Pointer;
    if (object === null) throw new BpfError("invalid", "bpf_object__open_mem", `${name} is not a BPF object file`);
    const walk = (next: (object: Pointer, previous: Pointer) => Pointer, nameOf: (item: Pointer) => string) => {
      const found = new Map<string, Pointer>();
      for (let item = next(object, null); item !== null; item = next(object, item)) found.set(nameOf(item), item);
      return found;
    };
    const { objectNextMap, mapName, objectNextProgram, programName } = native();
    this.#opened = {
      object,
      maps: walk(objectNextMap as never, mapName as never),
      programs: walk(objectNextProgram as never, programName as never),
    };
  }

  static open(source: string | Uint8Array, name = "object"): BpfObject {
    return new BpfObject(typeof source === "string" ? readFileSync(source) : source, name);
  }

  get mapNames(): string[] {
    return [...this.#open.maps.keys()];
  }

  get programNames(): string[] {
    return [...this.#open.programs.keys()];
  }

  get #open(): Opened {
    if (!this.#opened) throw new BpfError("closed", "use", `object ${this.name} is closed`);
    return this.#opened;
  }

  #map(name: string): Pointer {
    const map = this.#open.maps.get(name);
    if (map === undefined) throw new BpfError("not-found", "find map", `${this.name} has no map ${name}`);
    return map;
  }

  /** Overwrites the beginning of a data section, e.g. `.rodata`, before load. */
  setInitialValue(section: string, data: Uint8Array): void {
    const name = [...this.#open.maps.keys()].find((candidate) => candidate.endsWith(section));
    const map = this.#map(name ?? section);
    const size = [0];
    const pointer = native().mapInitialValue(map, size) as Pointer;
    if (pointer === null || (size[0] as number) < data.length) {
      throw new BpfError("wrong-size", "bpf_map__initial_value", `${section} has ${size[0]} bytes, not ${data.length}`);
    }
    new Uint8Array(viewOf(pointer, size[0] as number)).set(data);
  }

  setMaxEntries(name: string, entries: number): void {
    check(native().mapSetMaxEntries(this.#map(name), entries) as number, "bpf_map__set_max_entries", `map ${name}`);
  }

  /** Uses a map that is there instead of making one. */
  reuseMap(name: string, handle: MapHandle): void {
    check(native().mapReuseFd(this.#map(name), handle.fd) as number, "bpf_map__reuse_fd", `map ${name}`);
  }

  /**
   * Creates the maps and loads the programs.
   *
   * @throws BpfError `verifier-rejected` with the log's end in the message and the whole in `log`.
   */
  load(): void {
    const result = native().objectLoad(this.#open.object) as number;
    if (result >= 0) return;
    const end = this.#log.indexOf(0);
    const log = Buffer.from(this.#log.subarray(0, end < 0 ? logSize : end)).toString("latin1").trim();
    const error = BpfError.fromErrno(result, "bpf_object__load", `object ${this.name}`);
    if (log === "" || (error.errno !== "EACCES" && error.errno !== "EINVAL" && error.errno !== "EPERM")) throw error;
    const tail = log.split("\n").slice(-logTail).join("\n");
    throw new BpfError("verifier-rejected", error.call, `object ${this.name}: ${error.errno}\n${tail}`, {
      errno: error.errno,
      log,
    });
  }

  /** A loaded map; its descriptor is a copy that outlives the object. */
  map(name: string): MapHandle {
    const fd = check(native().mapFd(this.#map(name)) as number, "bpf_map__fd", `map ${name}`);
    return new MapHandle(duplicate(fd, `map ${name}`), name);
  }

  program(name: string): Program {
    const program = this.#open.programs.get(name);
    if (program === undefined) throw new BpfError("not-found", "find program", `${this.name} has no program ${name}`);
    const fd = check(native().programFd(program) as number, "bpf_program__fd", `program ${name}`);
    return new Program(duplicate(fd, `program ${name}`), name);
  }

  [Symbol.dispose](): void {
    if (this.#opened) native().objectClose(this.#opened.object);
    this.#opened = null;
    this.#kept.length = 0;
  }
}
