import { beforeEach, expect, test } from "vitest";
import { BpfError, BpfMap, BpfObject, u32 } from "libbpf-ts";
import { bpfFixture } from "#test/support/bpf-fixture.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { needs } from "#test/support/requirement.ts";
import { pair, TestObject } from "./test-object.ts";
import { writeFileSync } from "node:fs";

beforeEach(needs("root"));

/** The error that `action` throws. */
function errorOf(action: () => unknown): BpfError {
  try {
    action();
  } catch (error) {
    if (error instanceof BpfError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

test("an object file is opened by path or from bytes, and names what is in it", () => {
  const bytes = bpfFixture("maps");
  using folder = new TemporaryFolder();
  writeFileSync(folder.join("maps.bpf.o"), bytes);
  using fromPath = BpfObject.open(folder.join("maps.bpf.o"));
  using fromBytes = BpfObject.open(bytes, "maps");
  expect(fromPath.programNames).toEqual(fromBytes.programNames);
  expect(fromBytes.programNames).toEqual(["answer", "grow", "look_inside", "emit", "count_per_cpu"]);
  expect(fromBytes.mapNames).toContain("prefixes");
});

test("read-only data that is set before the load is what programs read", () => {
  using object = new TestObject((object) => object.setInitialValue(".rodata", Uint8Array.of(42, 0, 0, 0, 5, 0, 0, 0)));
  expect(object.run("answer", { mark: 100 })).toMatchObject({ returnValue: 42 });
  using untouched = new TestObject();
  expect(untouched.run("answer").returnValue).toBe(7);
});

test("read-only data that is too long is refused", () => {
  using object = BpfObject.open(bpfFixture("maps"), "maps");
  expect(() => object.setInitialValue(".rodata", new Uint8Array(9))).toThrow(
    expect.objectContaining({ code: "wrong-size" }),
  );
  expect(() => object.setInitialValue(".data", new Uint8Array(1))).toThrow(
    expect.objectContaining({ code: "not-found" }),
  );
});

test("a map's capacity can be set before the load", () => {
  using object = new TestObject((object) => object.setMaxEntries("pairs", 3));
  using handle = object.map("pairs");
  expect(handle.info.maxEntries).toBe(3);
});

test("two objects share a map", () => {
  using first = new TestObject();
  using shared = first.map("pairs");
  using second = new TestObject((object) => object.reuseMap("pairs", shared));
  using seen = second.map("pairs");
  new BpfMap(shared, u32, pair).set(1, { first: 2, second: 3 });
  expect(new BpfMap(seen, u32, pair).get(1)).toEqual({ first: 2, second: 3 });
});

test("a map of another shape is not taken in place of the object's", () => {
  using first = new TestObject();
  using other = first.map("prefixes");
  const error = errorOf(() => new TestObject((object) => object.reuseMap("pairs", other)));
  expect(error.code).toBe("incompatible");
  expect(error.message).toContain("map pairs");
  expect(error.message).toContain("LPM_TRIE");
});

test("a capacity that differs is named", () => {
  using first = new TestObject((object) => object.setMaxEntries("pairs", 5));
  using small = first.map("pairs");
  const error = errorOf(() => new TestObject((object) => object.reuseMap("pairs", small)));
  expect(error).toMatchObject({ code: "incompatible", message: expect.stringMatching(/5 entries.*10000/) as string });
});

test("a program that the verifier refuses is named, with the log's end in the message and all of it kept", () => {
  using object = BpfObject.open(bpfFixture("refused"), "refused");
  const error = errorOf(() => object.load());
  expect(error.code).toBe("verifier-rejected");
  expect(error.message).toContain("reads_too_far");
  expect(error.message).toMatch(/invalid access to packet|R\d invalid mem access/);
  expect(error.log).toContain("processed");
  expect(error.errno).toBe("EACCES");
});

test("what is no object file is refused, before and after the ELF header", () => {
  expect(errorOf(() => BpfObject.open(new Uint8Array(100))).code).toBe("invalid");
  const cut = bpfFixture("maps").subarray(0, 200);
  expect(errorOf(() => BpfObject.open(cut, "cut")).message).toContain("cut is not a BPF object file");
});

test("names that are not there, and use after the end", () => {
  const object = BpfObject.open(bpfFixture("maps"), "maps");
  expect(errorOf(() => object.map("nothing")).message).toContain("maps has no map nothing");
  expect(errorOf(() => object.program("nothing")).code).toBe("not-found");
  expect(errorOf(() => object.program("answer")).message).toContain("program answer");
  object[Symbol.dispose]();
  object[Symbol.dispose]();
  expect(errorOf(() => object.load()).code).toBe("closed");
});

test("maps outlive the object that they came from", () => {
  const object = new TestObject();
  using handle = object.map("pairs");
  object[Symbol.dispose]();
  const map = new BpfMap(handle, u32, pair);
  map.set(1, { first: 1, second: 1 });
  expect(map.get(1)).toEqual({ first: 1, second: 1 });
});

test("a map that the kernel does not make is named", () => {
  using object = BpfObject.open(bpfFixture("maps"), "maps");
  object.setMaxEntries("pairs", 0xf000_0000);
  const error = errorOf(() => object.load());
  expect(error).toMatchObject({ code: "full", errno: "E2BIG" });
  expect(error.message).toContain("'pairs'");
});

test("a program that is not wanted is not loaded", () => {
  using object = BpfObject.open(bpfFixture("refused"), "refused");
  object.setAutoload("reads_too_far", false);
  object.load();
  using program = object.program("harmless");
  expect(program.info.name).toBe("harmless");
  expect(errorOf(() => object.program("reads_too_far")).message).toContain("reads_too_far");
});

test("shapes of maps are known before the load", () => {
  using object = BpfObject.open(bpfFixture("maps"), "maps");
  expect(object.shapeOf("outer")).toEqual({ type: 13, keySize: 4, valueSize: 4, maxEntries: 64, flags: 0 });
  expect(object.innerShapeOf("outer")).toEqual({ type: 1, keySize: 4, valueSize: 4, maxEntries: 64, flags: 0 });
  expect(object.innerShapeOf("pairs")).toBeUndefined();
});
