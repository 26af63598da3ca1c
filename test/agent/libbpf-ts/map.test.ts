import { beforeEach, expect, test } from "vitest";
import {
  BpfError,
  BpfMap,
  bytes,
  copyEntries,
  countEntries,
  MapHandle,
  MapType,
  u32,
  u64,
  UpdateFlag,
} from "libbpf-ts";
import { needs } from "#test/support/requirement.ts";
import { pair, TestObject } from "./test-object.ts";

beforeEach(needs("root"));

const spec = { type: MapType.HASH, name: "test", keySize: 4, valueSize: 8, maxEntries: 100_000 } as const;

test("a value comes back as it was set; a missing key is undefined", () => {
  using handle = MapHandle.create(spec);
  const map = new BpfMap(handle, u32, u64);
  expect(map.get(1)).toBeUndefined();
  map.set(1, 2n ** 63n);
  expect(map.get(1)).toBe(2n ** 63n);
  expect(map.delete(1)).toBe(true);
  expect(map.delete(1)).toBe(false);
});

test("all entries as bytes, more than one batch of them, which stay as they were", () => {
  using handle = MapHandle.create(spec);
  const map = new BpfMap(handle, u32, u64);
  expect(copyEntries(handle)).toMatchObject({ count: 0 });
  map.setMany(Array.from({ length: 10_000 }, (_, i) => [i, BigInt(i) * 3n] as const));
  const { keys, values, count } = copyEntries(handle);
  map.set(0, 1n);
  const [keyView, valueView] = [new DataView(keys.buffer), new DataView(values.buffer)];
  const copied = Array.from({ length: count }, (_, i) => [
    keyView.getUint32(4 * i, true),
    valueView.getBigUint64(8 * i, true),
  ]);
  expect(new Set(copied.map(([key]) => key)).size).toBe(10_000);
  expect(copied.every(([key, value]) => value === BigInt(key ?? 0) * 3n)).toBe(true);
});

test("an update can be asked to create only, or to replace only", () => {
  using handle = MapHandle.create(spec);
  const map = new BpfMap(handle, u32, u64);
  expect(() => map.set(1, 1n, UpdateFlag.EXIST)).toThrow(expect.objectContaining({ code: "not-found" }));
  map.set(1, 1n, UpdateFlag.NOEXIST);
  expect(() => map.set(1, 1n, UpdateFlag.NOEXIST)).toThrow(
    expect.objectContaining({ code: "exists", errno: "EEXIST", call: "bpf_map_update_elem" }),
  );
});

test("codecs of another size are refused before anything is written", () => {
  using handle = MapHandle.create(spec);
  expect(() => new BpfMap(handle, u32, u32)).toThrow(/test has keys of 4 and values of 8 bytes, the codecs 4 and 4/);
  expect(() => new BpfMap(handle, bytes(8), u64)).toThrow(expect.objectContaining({ code: "wrong-size" }));
});

test("50,000 entries are set, read and deleted in batches", async () => {
  using handle = MapHandle.create(spec);
  const map = new BpfMap(handle, u32, u64);
  const entries = Array.from({ length: 50_000 }, (_, i) => [i, BigInt(i) * 3n] as const);
  map.setMany(entries);
  expect(await countEntries(handle)).toBe(50_000);
  expect(new Map(map.entries())).toEqual(new Map(entries));
  map.deleteMany(entries.map(([key]) => key));
  expect(await countEntries(handle)).toBe(0);
});

test("entries are set without the event loop waiting, and a failure is told", async () => {
  using handle = MapHandle.create({ ...spec, maxEntries: 20_000 });
  const map = new BpfMap(handle, u32, u64);
  await map.setManyAsync(Array.from({ length: 20_000 }, (_, i) => [i, 1n] as const));
  expect(await countEntries(handle)).toBe(20_000);
  const more = map.setManyAsync([
    [1, 2n],
    [30_000, 1n],
    [30_001, 1n],
  ]);
  await expect(more).rejects.toMatchObject({
    code: "full",
    message: expect.stringContaining("map test, 1 of 3 entries set") as string,
  });
});

test("a walk that deletes what it stands on sees every entry once", async () => {
  using handle = MapHandle.create(spec);
  const map = new BpfMap(handle, u32, u64);
  map.setMany(Array.from({ length: 20_000 }, (_, i) => [i, 0n] as const));
  const seen: number[] = [];
  for (const [key] of map.entries()) {
    seen.push(key);
    if (key % 2 === 0) map.delete(key);
  }
  expect(seen).toHaveLength(20_000);
  expect(new Set(seen).size).toBe(20_000);
  expect(await countEntries(handle)).toBe(10_000);
});

test("a full map says so, and which one it is", () => {
  using handle = MapHandle.create({ ...spec, name: "small", maxEntries: 2 });
  const map = new BpfMap(handle, u32, u64);
  const fill = () => map.setMany([1, 2, 3].map((key) => [key, 0n] as const));
  expect(fill).toThrow(BpfError);
  expect(fill).toThrow(
    expect.objectContaining({ code: "full", message: expect.stringContaining("map small") as string }),
  );
});

test("a closed map refuses to be used", () => {
  const handle = MapHandle.create(spec);
  const map = new BpfMap(handle, u32, u64);
  handle[Symbol.dispose]();
  handle[Symbol.dispose]();
  expect(() => map.get(1)).toThrow(expect.objectContaining({ code: "closed" }));
});

test("maps of an object know their shape", () => {
  using object = new TestObject();
  using handle = object.map("pairs");
  expect(handle.info).toMatchObject({
    type: MapType.HASH,
    keySize: 4,
    valueSize: 8,
    maxEntries: 10_000,
    name: "pairs",
  });
  const map = new BpfMap(handle, u32, pair);
  map.set(5, { first: 1, second: 2 });
  expect([...map.entries()]).toEqual([[5, { first: 1, second: 2 }]]);
});
