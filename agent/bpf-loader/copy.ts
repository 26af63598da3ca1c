import { readFileSync } from "node:fs";
import { BpfObject, type MapHandle, MapType, Program } from "libbpf-ts";

export interface CopySpec {
  readonly objectPath: string;
  /** As {@link LoadSpec.readOnlyData} of the programs that this is a copy of. */
  readonly readOnlyData: Uint8Array;
  /** The one to be loaded; the object's others are left out. */
  readonly program: string;
  /** Maps to use in place of new ones, by name. */
  readonly maps: ReadonlyMap<string, MapHandle>;
}

/** A program that is attached to nothing, and the maps that were made for it. */
export interface ProgramCopy extends Disposable {
  readonly program: Program;
  /** Of the object, but those that were given. */
  readonly maps: ReadonlyMap<string, MapHandle>;
}

/** Places of a new hash; what is in it serves a handful of packets. */
const places = 1024;
/** Bytes of a new ring buffer. */
const ringBytes = 64 << 10;

const hashes: readonly number[] = [MapType.HASH, MapType.PERCPU_HASH, MapType.LRU_HASH, MapType.LRU_PERCPU_HASH];

/**
 * Loads a program of an object once more, over the maps that are given and small new ones in place of all others. Nothing is pinned:
 * with its descriptors all of it goes. The verifier's work is done on a worker thread.
 */
export async function loadCopy({ objectPath, readOnlyData, program, maps }: CopySpec): Promise<ProgramCopy> {
  using object = BpfObject.open(readFileSync(objectPath), "weir");
  const named = object.mapNames.filter((name) => !name.includes("."));
  const section = object.mapNames.find((name) => name.endsWith(".rodata.config"));
  if (section !== undefined) object.setInitialValue(section, readOnlyData);
  for (const name of named) {
    const given = maps.get(name);
    const { type, maxEntries } = object.shapeOf(name);
    if (given) {
      object.setMaxEntries(name, given.info.maxEntries);
      object.reuseMap(name, given);
    } else if (type === MapType.RINGBUF) {
      object.setMaxEntries(name, ringBytes);
    } else if (hashes.includes(type) && maxEntries > places) {
      object.setMaxEntries(name, places);
    }
  }
  for (const name of object.programNames) object.setAutoload(name, name === program);
  await object.loadAsync();
  using stack = new DisposableStack();
  const loaded = stack.use(object.program(program));
  const made = new Map(named.filter((name) => !maps.has(name)).map((name) => [name, stack.use(object.map(name))]));
  const held = stack.move();
  return { program: loaded, maps: made, [Symbol.dispose]: () => held.dispose() };
}
