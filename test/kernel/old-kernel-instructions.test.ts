import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { datapathObjects } from "#agent/datapath/open-kernel.ts";
import { buildBpf } from "#bpf/build.ts";

const objects = datapathObjects.map((name) => resolve(import.meta.dirname, "../../dist/bpf", name));

/** Sections of instructions of a 64-bit little-endian ELF file. */
function* codeOf(elf: Buffer): Generator<Buffer> {
  const executable = 4n;
  const table = Number(elf.readBigUInt64LE(0x28));
  const size = elf.readUInt16LE(0x3a);
  const count = elf.readUInt16LE(0x3c);
  for (let at = table; at < table + count * size; at += size) {
    if ((elf.readBigUInt64LE(at + 8) & executable) === 0n) continue;
    const start = Number(elf.readBigUInt64LE(at + 24));
    yield elf.subarray(start, start + Number(elf.readBigUInt64LE(at + 32)));
  }
}

test("of atomic instructions the programs have only additions that fetch nothing: all that 5.10 knows", () => {
  buildBpf();
  const atomic = new Set([0xdb, 0xc3]); // of 64 and of 32 bits
  const operations: number[] = [];
  for (const code of objects.flatMap((path) => [...codeOf(readFileSync(path))])) {
    for (let at = 0; at < code.length; at += 8) {
      if (atomic.has(code.readUInt8(at))) operations.push(code.readInt32LE(at + 4));
    }
  }
  expect(operations).not.toEqual([]);
  expect([...new Set(operations)]).toEqual([0]);
});
