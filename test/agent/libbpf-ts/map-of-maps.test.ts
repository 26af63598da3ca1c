import { beforeEach, expect, test } from "vitest";
import { BpfMap, MapHandle, MapOfMaps, MapType, u32 } from "libbpf-ts";
import { needs } from "#test/support/requirement.ts";
import { TestObject } from "./test-object.ts";

beforeEach(needs("root"));

function inner(value: number): MapHandle {
  const handle = MapHandle.create({ type: MapType.HASH, name: "inner", keySize: 4, valueSize: 4, maxEntries: 64 });
  new BpfMap(handle, u32, u32).set(1, value);
  return handle;
}

test("a program finds inner maps as soon as they are in, and none after they are out", async () => {
  using object = new TestObject();
  using handle = object.map("outer");
  const outer = new MapOfMaps(handle, u32);
  using first = inner(11);
  using second = inner(22);
  await outer.setMany([
    [64, first],
    [65, second],
  ]);
  expect(object.run("look_inside", { length: 64, mark: 1 }).returnValue).toBe(11);
  expect(object.run("look_inside", { length: 65, mark: 1 }).returnValue).toBe(22);
  expect([...outer.keys()].toSorted()).toEqual([64, 65]);

  await outer.setMany([[64, second]]);
  expect(object.run("look_inside", { length: 64, mark: 1 }).returnValue).toBe(22);
  await outer.deleteMany([64, 65, 66]);
  expect(object.run("look_inside", { length: 64, mark: 1 }).returnValue).toBe(0xffff);
  expect([...outer.keys()]).toEqual([]);
});

test("an inner map is opened from the outer one, though its maker has let go of it", async () => {
  using object = new TestObject();
  using handle = object.map("outer");
  const outer = new MapOfMaps(handle, u32);
  {
    using made = inner(33);
    await outer.setMany([[1, made]]);
  }
  using again = outer.get(1, "again");
  expect(again?.name).toBe("again");
  expect(again && new BpfMap(again, u32, u32).get(1)).toBe(33);
  expect(outer.get(2)).toBeUndefined();
});

test("an inner map of another shape is refused", async () => {
  using object = new TestObject();
  using handle = object.map("outer");
  using wrong = MapHandle.create({ type: MapType.HASH, name: "wrong", keySize: 4, valueSize: 8, maxEntries: 64 });
  const refused = new MapOfMaps(handle, u32).setMany([[1, wrong]]);
  await expect(refused).rejects.toMatchObject({ code: "invalid", message: expect.stringContaining("outer") as string });
});
