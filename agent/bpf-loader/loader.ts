import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { BpfObject, Btf, MapHandle, Program } from "libbpf-ts";
import { LoaderError } from "./errors.ts";
import { checkLayouts } from "./layout-check.ts";
import { compareMap } from "./map-check.ts";
import type { LoadSpec } from "./spec.ts";

/** Where an object has its configuration; what else is read-only, the compiler put there. */
const configSection = ".rodata.config";
const BPF_FS_MAGIC = 0xcafe4a11;

/** Maps and programs that are loaded and pinned. Closing it leaves all of them in force. */
export interface Loaded extends Disposable {
  readonly maps: ReadonlyMap<string, MapHandle>;
  readonly programs: ReadonlyMap<string, Program>;
  /** Hash of the object and its configuration: equal hashes are equal programs. */
  readonly hash: string;
  /** Whether the programs were there already, from an earlier life. */
  readonly adopted: boolean;
}

/**
 * Loads the objects once for the whole node, or takes over what is pinned.
 *
 * Layout of the pin folder: `maps/NAME`, `programs/HASH/NAME`, and the folders of links. Pinned
 * maps of the same shape are kept with their contents. Programs of the same objects and
 * configuration are kept; else new ones are loaded over the same maps, and whoever
 * attaches them replaces the old ones link by link.
 *
 * @throws LoaderError `map-incompatible`, `layout-differs`, `not-bpffs`.
 */
export function load(spec: LoadSpec): Loaded {
  using stack = new DisposableStack();
  const files = spec.objectPaths.map((path): ObjectFile => {
    const bytes = readFileSync(path);
    checkLayouts(bytes, spec.layouts);
    return { bytes, object: stack.use(BpfObject.open(bytes, "weir")) };
  });
  checkFileSystem(spec.pinFolder);
  const mapFolder = join(spec.pinFolder, "maps");
  mkdirSync(mapFolder, { recursive: true, mode: 0o700 });
  const hash = hashOf(files, spec);
  const programFolder = join(spec.pinFolder, "programs", hash);
  const programNames = files.flatMap(({ object }) => object.programNames);
  const mapNames = [...new Set(files.flatMap(({ object }) => sharedMaps(object)))];
  const pinnedPrograms = programNames.every((name) => existsSync(join(programFolder, name)));
  const pinnedMaps = mapNames.every((name) => existsSync(join(mapFolder, name)));
  if (pinnedPrograms && pinnedMaps) {
    const programs = programNames.map((name): [string, Program] => {
      return [name, Program.openPinned(join(programFolder, name), name)];
    });
    return loaded(new Map(mapNames.map((name) => [name, openMap(name, mapFolder)])), new Map(programs), hash, true);
  }

  const programs = new Map<string, Program>();
  for (const file of files) {
    loadObject(file, spec, mapFolder);
    for (const name of file.object.programNames) programs.set(name, file.object.program(name));
  }
  rmSync(programFolder, { recursive: true, force: true });
  mkdirSync(programFolder, { recursive: true, mode: 0o700 });
  for (const [name, program] of programs) program.pin(join(programFolder, name));
  return loaded(new Map(mapNames.map((name) => [name, openMap(name, mapFolder)])), programs, hash, false);
}

interface ObjectFile {
  readonly bytes: Uint8Array;
  readonly object: BpfObject;
}

/** Maps that have a name of their own; those of data sections belong to one load of one object. */
function sharedMaps(object: BpfObject): string[] {
  return object.mapNames.filter((name) => !name.includes("."));
}

function openMap(name: string, mapFolder: string): MapHandle {
  return MapHandle.openPinned(join(mapFolder, name));
}

/** Loads one object over the maps that are pinned, and pins those that are not. */
function loadObject({ bytes, object }: ObjectFile, spec: LoadSpec, mapFolder: string): void {
  const shared = sharedMaps(object);
  if (object.mapNames.includes(configSection)) object.setInitialValue(configSection, spec.readOnlyData);
  for (const [name, entries] of Object.entries(spec.mapSizes)) {
    if (shared.includes(name)) object.setMaxEntries(name, entries);
  }
  const btf = Btf.fromElf(bytes);
  for (const name of shared) reuse(object, btf, name, join(mapFolder, name));
  object.load();
  for (const name of shared) {
    const path = join(mapFolder, name);
    if (existsSync(path)) continue;
    using map = object.map(name);
    map.pin(path);
  }
}

/** Removes the pins of programs that no link has any more. */
export function removeOldPrograms(pinFolder: string, current: string): void {
  const folder = join(pinFolder, "programs");
  for (const hash of readdirSync(folder)) {
    if (hash !== current) rmSync(join(folder, hash), { recursive: true, force: true });
  }
}

function hashOf(files: readonly ObjectFile[], spec: LoadSpec): string {
  const sizes = Object.entries(spec.mapSizes).sort(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash("sha256").update(spec.readOnlyData).update(JSON.stringify(sizes));
  for (const { bytes } of files) hash.update(bytes);
  return hash.digest("hex").slice(0, 16);
}

/** Looks at the nearest folder that is there, so that a refusal leaves nothing behind. */
function checkFileSystem(folder: string): void {
  let nearest = folder;
  while (!existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest);
  if (statfsSync(nearest).type >>> 0 === BPF_FS_MAGIC) return;
  const message = `load datapath: ${folder} is not on a BPF file system; mount one with mount -t bpf`;
  throw new LoaderError("not-bpffs", message);
}

function reuse(object: BpfObject, btf: Btf, name: string, path: string): void {
  if (!existsSync(path)) return;
  using pinned = MapHandle.openPinned(path);
  const differences = compareMap(object, btf, name, pinned);
  if (differences.length > 0) {
    throw new LoaderError(
      "map-incompatible",
      `load datapath: the pinned map ${name} has ${differences.join("; ")}; run weir cleanup, which cuts connections`,
    );
  }
  object.reuseMap(name, pinned);
}

function loaded(
  maps: ReadonlyMap<string, MapHandle>,
  programs: ReadonlyMap<string, Program>,
  hash: string,
  adopted: boolean,
): Loaded {
  return {
    maps,
    programs,
    hash,
    adopted,
    [Symbol.dispose]() {
      for (const item of [...maps.values(), ...programs.values()]) item[Symbol.dispose]();
    },
  };
}
