import { readFileSync } from "node:fs";
import { duplicate } from "./descriptor.ts";
import { BpfError, check } from "./errors.ts";
import { MapHandle } from "./map-handle.ts";
import { compareShapes, type MapShape } from "./map-shape.ts";
import { abi } from "./native/abi.ts";
import { callAsync, native, type Pointer, viewOf } from "./native/library.ts";
import { collectWarnings } from "./native/messages.ts";
import { cString, Struct } from "./native/struct.ts";
import { Program } from "./program.ts";
import { loadError, VerifierLog } from "./verifier-log.ts";
import { parseStatistics, statisticsLevel, type VerifierStatistics } from "./verifier-statistics.ts";

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
  readonly #logs: readonly VerifierLog[];
  /** What C points to while the object is open. */
  readonly #kept: unknown[] = [];
  #opened: Opened | null;

  private constructor(bytes: Uint8Array, name: string) {
    this.name = name;
    const title = cString(name);
    const layout = abi.bpf_object_open_opts;
    const options = Struct.sized(layout.size).pointer(layout.object_name, title);
    this.#kept.push(bytes, options);
    const { result: object, warnings } = collectWarnings(
      () => native().objectOpenMem(bytes, bytes.length, options.bytes) as Pointer,
    );
    if (object === null) {
      const reason = [`${name} is not a BPF object file`, ...warnings].join(": ");
      throw new BpfError("invalid", "bpf_object__open_mem", reason);
    }
    this.#opened = {
      object,
      maps: collect(object, native().objectNextMap, native().mapName),
      programs: collect(object, native().objectNextProgram, native().programName),
    };
    this.#logs = [...this.#opened.programs].map(([program, pointer]) => new VerifierLog(program, pointer));
  }

  /**
   * @param source path or content of an ELF file, as clang makes it for `--target=bpf`.
   * @throws BpfError `invalid` when it is none.
   */
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

  #program(name: string): Pointer {
    const program = this.#open.programs.get(name);
    if (program === undefined) throw new BpfError("not-found", "find program", `${this.name} has no program ${name}`);
    return program;
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

  /** Before load: how many entries a map will have room for. */
  setMaxEntries(name: string, entries: number): void {
    check(native().mapSetMaxEntries(this.#map(name), entries) as number, "bpf_map__set_max_entries", `map ${name}`);
  }

  /** Before load: whether a program is loaded with the others. */
  setAutoload(program: string, autoload: boolean): void {
    const result = native().programSetAutoload(this.#program(program), autoload) as number;
    check(result, "bpf_program__set_autoload", `program ${program}`);
  }

  /** Before load: asks the verifier for its {@link statistics} of a program. */
  askStatistics(program: string): void {
    const result = native().programSetLogLevel(this.#program(program), statisticsLevel) as number;
    check(result, "bpf_program__set_log_level", `program ${program}`);
  }

  /** What the verifier said of a loaded program that it was asked about; null where it said nothing. */
  statistics(program: string): VerifierStatistics | null {
    return parseStatistics(this.#logs.find((log) => log.program === program)?.text ?? "");
  }

  /** The shape that a map has or, before load, will have. */
  shapeOf(name: string): MapShape {
    return shape(this.#map(name));
  }

  /** The shape of the maps in a map of maps; undefined for any other map. */
  innerShapeOf(name: string): MapShape | undefined {
    const inner = native().mapInner(this.#map(name)) as Pointer;
    return inner === null ? undefined : shape(inner);
  }

  /** Numbers of a map's key and value types in the object's BTF; 0 for none. */
  typesOf(name: string): { key: number; value: number } {
    const map = this.#map(name);
    return { key: native().mapKeyType(map) as number, value: native().mapValueType(map) as number };
  }

  /**
   * Uses a map that is there instead of making one. Set its capacity first.
   *
   * @throws BpfError `incompatible` with the differences: libbpf would take any map.
   */
  reuseMap(name: string, handle: MapHandle): void {
    const differences = compareShapes(handle.info, this.shapeOf(name));
    if (differences.length > 0) {
      throw new BpfError(
        "incompatible",
        "bpf_map__reuse_fd",
        `map ${name}: the one given has ${differences.join("; ")}`,
      );
    }
    check(native().mapReuseFd(this.#map(name), handle.fd) as number, "bpf_map__reuse_fd", `map ${name}`);
  }

  /**
   * Creates the maps and loads the programs.
   *
   * @throws BpfError `verifier-rejected` naming the program, with the log's end in the
   *   message and the whole in `log`; for other failures what libbpf said of them.
   */
  load(): void {
    const { result, warnings } = collectWarnings(() => native().objectLoad(this.#open.object) as number);
    if (result < 0) throw loadError(result, this.name, this.#logs, warnings);
  }

  /**
   * As {@link load}, on a worker thread; of other failures than the verifier's it says less. Meanwhile this object must not be
   * used, and no other be opened or loaded: libbpf has one place for all messages.
   */
  async loadAsync(): Promise<void> {
    const result = await callAsync("objectLoad", this.#open.object);
    if (result < 0) throw loadError(result, this.name, this.#logs, []);
  }

  /** A loaded map; its descriptor is a copy that outlives the object. */
  map(name: string): MapHandle {
    const fd = check(native().mapFd(this.#map(name)) as number, "bpf_map__fd", `map ${name}`);
    return new MapHandle(duplicate(fd, `map ${name}`), name);
  }

  /** A loaded program; its descriptor is a copy that outlives the object. */
  program(name: string): Program {
    const fd = check(native().programFd(this.#program(name)) as number, "bpf_program__fd", `program ${name}`);
    return new Program(duplicate(fd, `program ${name}`), name);
  }

  [Symbol.dispose](): void {
    if (this.#opened) native().objectClose(this.#opened.object);
    this.#opened = null;
    this.#kept.length = 0;
  }
}

type Call = (...values: unknown[]) => unknown;

/** Walks one of libbpf's lists. */
function collect(object: Pointer, next: Call, nameOf: Call): Map<string, Pointer> {
  const found = new Map<string, Pointer>();
  for (let item = next(object, null); item !== null; item = next(object, item)) found.set(nameOf(item) as string, item);
  return found;
}

function shape(map: Pointer): MapShape {
  const { mapType, mapKeySize, mapValueSize, mapMaxEntries, mapFlags } = native();
  return {
    type: mapType(map) as number,
    keySize: mapKeySize(map) as number,
    valueSize: mapValueSize(map) as number,
    maxEntries: mapMaxEntries(map) as number,
    flags: mapFlags(map) as number,
  };
}
