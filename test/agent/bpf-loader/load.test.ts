import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { beforeEach, expect, test } from "vitest";
import { load, LoaderError, type LoadSpec, removeOldPrograms } from "bpf-loader";
import { BpfMap, bytes, MapHandle, MapType, u32 } from "libbpf-ts";
import { bpfFixture } from "#test/support/bpf-fixture.ts";
import { BpfFileSystem } from "#test/support/bpf-file-system.ts";
import { needs } from "#test/support/requirement.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

beforeEach(needs("root"));

/** A node: a BPF file system, and an object file that may become another version. */
class Machine implements Disposable {
  readonly files = new BpfFileSystem();
  readonly folder = new TemporaryFolder();
  readonly spec: LoadSpec = {
    objectPaths: [this.folder.join("hooks.bpf.o")],
    pinFolder: this.files.join("weir"),
    readOnlyData: Uint8Array.of(255, 255, 255, 255),
    mapSizes: { notes: 64 },
    layouts: { slot: { size: 16, members: { packets: [0, 8], bytes: [8, 8] } } },
  };

  constructor() {
    this.install();
  }

  install(edit?: (source: string) => string): void {
    writeFileSync(this.folder.join("hooks.bpf.o"), bpfFixture("hooks", edit));
  }

  [Symbol.dispose](): void {
    this.files[Symbol.dispose]();
    this.folder[Symbol.dispose]();
  }
}

function note(handle: MapHandle | undefined, value?: number): number | undefined {
  if (!handle) throw new Error("no map notes");
  const map = new BpfMap(handle, bytes(16), u32);
  if (value !== undefined) map.set(new Uint8Array(16), value);
  return map.get(new Uint8Array(16));
}

test("the first load makes and pins maps and programs", () => {
  using machine = new Machine();
  using loaded = load(machine.spec);
  expect(loaded.adopted).toBe(false);
  expect([...loaded.maps.keys()]).toEqual(["slots", "notes"]);
  expect([...loaded.programs.keys()]).toEqual(["inward", "outward"]);
  expect(loaded.maps.get("notes")?.info.maxEntries).toBe(64);
  expect(readdirSync(machine.files.join("weir/maps")).toSorted()).toEqual(["notes", "slots"]);
  expect(readdirSync(machine.files.join("weir/programs", loaded.hash)).toSorted()).toEqual(["inward", "outward"]);
});

test("the next life takes over the same maps and programs, with what is in them", () => {
  using machine = new Machine();
  const programIds: (number | undefined)[] = [];
  {
    using loaded = load(machine.spec);
    note(loaded.maps.get("notes"), 17);
    programIds.push(loaded.programs.get("inward")?.info.id);
  }
  using again = load(machine.spec);
  expect(again.adopted).toBe(true);
  expect(note(again.maps.get("notes"))).toBe(17);
  expect(again.programs.get("inward")?.info.id).toBe(programIds[0]);
});

test("a new version or a new configuration loads new programs over the same maps; the old ones are then forgotten", () => {
  using machine = new Machine();
  const hashes: string[] = [];
  {
    using first = load(machine.spec);
    note(first.maps.get("notes"), 17);
    hashes.push(first.hash);
  }
  {
    using configured = load({ ...machine.spec, readOnlyData: new Uint8Array(4) });
    expect(configured.adopted).toBe(false);
    expect(note(configured.maps.get("notes"))).toBe(17);
    hashes.push(configured.hash);
  }
  machine.install((source) => source.replace("slot->packets, 1", "slot->packets, 2"));
  using newest = load(machine.spec);
  expect(newest.adopted).toBe(false);
  expect(note(newest.maps.get("notes"))).toBe(17);
  hashes.push(newest.hash);
  expect(new Set(hashes).size).toBe(3);
  expect(readdirSync(machine.files.join("weir/programs")).toSorted()).toEqual(hashes.toSorted());
  removeOldPrograms(machine.spec.pinFolder, newest.hash);
  expect(readdirSync(machine.files.join("weir/programs"))).toEqual([newest.hash]);
});

test("what a crash left half done is completed", () => {
  using machine = new Machine();
  {
    using loaded = load(machine.spec);
    note(loaded.maps.get("notes"), 17);
    MapHandle.unpin(machine.files.join("weir/programs", loaded.hash, "outward"));
  }
  using again = load(machine.spec);
  expect(again.adopted).toBe(false);
  expect(note(again.maps.get("notes"))).toBe(17);
  using third = load(machine.spec);
  expect(third.adopted).toBe(true);
});

/** The error of loading. */
function refusal(spec: LoadSpec): LoaderError {
  try {
    load(spec)[Symbol.dispose]();
  } catch (error) {
    if (error instanceof LoaderError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

test("a pinned map of another capacity is refused by name, with the difference, and stays as it is", () => {
  using machine = new Machine();
  load(machine.spec)[Symbol.dispose]();
  const error = refusal({ ...machine.spec, mapSizes: { notes: 65 } });
  expect(error.code).toBe("map-incompatible");
  expect(error.message).toContain("notes");
  expect(error.message).toContain("64 entries, not 65");
  using again = load(machine.spec);
  expect(again.adopted).toBe(true);
});

test("a pinned map whose keys mean something else is refused, though their size is the same", () => {
  using machine = new Machine();
  load(machine.spec)[Symbol.dispose]();
  machine.install((source) => source.replace("__u64 packets;\n\t__u64 bytes;", "__u64 bytes;\n\t__u64 packets;"));
  const layouts = { slot: { size: 16, members: { bytes: [0, 8], packets: [8, 8] } } } as const;
  const error = refusal({ ...machine.spec, layouts });
  expect(error.code).toBe("map-incompatible");
  expect(error.message).toMatch(/slots|notes/);
  expect(error.message).toContain("struct slot");
});

test("a pinned map of another kind is refused", () => {
  using machine = new Machine();
  mkdirSync(machine.files.join("weir/maps"), { recursive: true });
  using other = MapHandle.create({ type: MapType.ARRAY, name: "notes", keySize: 4, valueSize: 4, maxEntries: 64 });
  other.pin(machine.files.join("weir/maps/notes"));
  expect(refusal(machine.spec)).toMatchObject({
    code: "map-incompatible",
    message: expect.stringContaining("a ARRAY, not HASH") as string,
  });
});

test("an object that was built from other headers is refused before anything is loaded", () => {
  using machine = new Machine();
  const layouts = { slot: { size: 24, members: { packets: [8, 8], drops: [16, 8] } } } as const;
  const error = refusal({ ...machine.spec, layouts });
  expect(error.code).toBe("layout-differs");
  expect(error.message).toContain("struct slot");
  expect(error.message).toContain("size is 16, not 24");
  expect(error.message).toContain("drops is missing");
  expect(existsSync(machine.files.join("weir/maps/slots"))).toBe(false);
});

test("a folder that is on no BPF file system is refused, and nothing is left in it", () => {
  using machine = new Machine();
  const pinFolder = machine.folder.join("weir");
  const error = refusal({ ...machine.spec, pinFolder });
  expect(error.code).toBe("not-bpffs");
  expect(error.message).toContain(pinFolder);
  expect(existsSync(pinFolder)).toBe(false);
});
