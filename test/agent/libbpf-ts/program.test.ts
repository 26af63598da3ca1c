import { beforeEach, expect, test } from "vitest";
import { type MapHandle, Program, programIds, programMapIds } from "libbpf-ts";
import { BpfFileSystem } from "#test/support/bpf-file-system.ts";
import { needs } from "#test/support/requirement.ts";
import { TestObject } from "./test-object.ts";

beforeEach(needs("root"));

test("a test run gives what the program answered, the packet, the mark and the time of one run", () => {
  using object = new TestObject();
  using program = object.object.program("answer");
  const data = Uint8Array.from({ length: 60 }, (_, i) => i);
  const result = program.testRun({ data, context: { mark: 40, ifindex: 1, ingressIfindex: 1 }, repeat: 100 });
  expect(result.returnValue).toBe(7);
  expect(result.data).toEqual(data);
  expect(result.mark).toBeGreaterThan(40);
  expect(result.duration).toBeGreaterThan(0);
});

test("a packet that grows comes out longer, also from a part of a larger buffer", () => {
  using object = new TestObject();
  using program = object.object.program("grow");
  const pool = Uint8Array.from({ length: 200 }, (_, i) => i);
  const { data, returnValue } = program.testRun({ data: pool.subarray(100, 164) });
  expect(returnValue).toBe(0);
  expect(data.subarray(14)).toEqual(pool.subarray(100, 164));
});

test("a packet that is too short for any program is an error of the kernel's", () => {
  using object = new TestObject();
  using program = object.object.program("answer");
  expect(() => program.testRun({ data: new Uint8Array(4) })).toThrow(
    expect.objectContaining({ code: "invalid", call: "bpf_prog_test_run_opts" }),
  );
});

test("a program tells its name, tag and size", () => {
  using object = new TestObject();
  using program = object.object.program("answer");
  expect(program.info).toMatchObject({
    type: 3,
    name: "answer",
    tag: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
  });
  expect(program.info.verifiedInstructions).toBeGreaterThan(0);
  expect(program.info.translatedSize % 8).toBe(0);
});

test("a pinned program is opened by its path and is the same", () => {
  using files = new BpfFileSystem();
  using object = new TestObject();
  using program = object.object.program("answer");
  program.pin(files.join("answer"));
  using again = Program.openPinned(files.join("answer"));
  expect(again.info.id).toBe(program.info.id);
  expect(() => program.pin(files.join("answer"))).toThrow(expect.objectContaining({ code: "exists" }));
});

test("a pin of another kind of object is refused", () => {
  using files = new BpfFileSystem();
  using object = new TestObject();
  using handle: MapHandle = object.map("pairs");
  handle.pin(files.join("pairs"));
  expect(() => Program.openPinned(files.join("pairs"))).toThrow(expect.objectContaining({ code: "incompatible" }));
  expect(() => Program.openPinned(files.join("nothing"))).toThrow(expect.objectContaining({ code: "not-found" }));
});

test("a program is found among all of the machine by its number, which is higher the later it came", () => {
  using object = new TestObject();
  using program = object.object.program("answer");
  const { id } = program.info;
  expect([...programIds()]).toContain(id);
  expect([...programIds(id - 1)][0]).toBe(id);
  expect([...programIds(id)]).not.toContain(id);
  using again = Program.openById(id);
  expect(again.info.tag).toBe(program.info.tag);
  expect(() => Program.openById(0x7fffffff)).toThrow(expect.objectContaining({ code: "not-found" }));
});

test("a program tells the numbers of the maps that it uses", () => {
  using object = new TestObject();
  using count = object.object.program("look_inside");
  using outer = object.map("outer");
  expect(programMapIds(count.fd)).toContain(outer.info.id);
});
