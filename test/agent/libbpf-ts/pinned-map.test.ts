import { existsSync } from "node:fs";
import { beforeEach, expect, test } from "vitest";
import { BpfMap, MapHandle, u32 } from "libbpf-ts";
import { BpfFileSystem } from "#test/support/bpf-file-system.ts";
import { needs } from "#test/support/requirement.ts";
import { pair, TestObject } from "./test-object.ts";

beforeEach(needs("root"));

test("a pinned map keeps its content when everybody has let go of it", () => {
  using files = new BpfFileSystem();
  {
    using object = new TestObject();
    using handle = object.map("pairs");
    new BpfMap(handle, u32, pair).set(1, { first: 2, second: 3 });
    handle.pin(files.join("pairs"));
  }
  using again = MapHandle.openPinned(files.join("pairs"));
  expect(new BpfMap(again, u32, pair).get(1)).toEqual({ first: 2, second: 3 });
  MapHandle.unpin(files.join("pairs"));
  MapHandle.unpin(files.join("pairs"));
  expect(existsSync(files.join("pairs"))).toBe(false);
});

test("errors of pinning name the path", () => {
  using files = new BpfFileSystem();
  using object = new TestObject();
  using handle = object.map("pairs");
  const path = files.join("missing", "pairs");
  expect(() => handle.pin(path)).toThrow(
    expect.objectContaining({ code: "not-found", message: expect.stringContaining(path) as string }),
  );
  expect(() => MapHandle.openPinned(path)).toThrow(
    expect.objectContaining({ code: "not-found", message: expect.stringContaining(path) as string }),
  );
});
