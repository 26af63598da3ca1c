import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Btf } from "libbpf-ts";
import { abi } from "#agent/libbpf-ts/native/abi.ts";
import { compileBpf } from "#bpf/build.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

const headers = ["bpf.h", "libbpf.h"].map((name) => readFileSync(`/usr/include/bpf/${name}`, "utf8")).join("\n");

/** The types of the headers, compiled. libbpf's own need more of libc than there is for BPF: they are cut out. */
function headerTypes(): Btf {
  const names = Object.keys(abi);
  const ofLibbpf = names.flatMap((name) => new RegExp(`^struct ${name} \\{.*?^\\};`, "ms").exec(headers)?.[0] ?? []);
  const points = /^enum bpf_tc_attach_point \{.*?^\};/ms.exec(headers)?.[0] ?? "";
  const source = [
    "#include <linux/bpf.h>",
    "typedef unsigned long size_t;",
    "typedef _Bool bool;",
    points,
    ...ofLibbpf,
    ...names.map((name) => `const struct ${name} *type_${name} __attribute__((used));`),
  ].join("\n");
  using folder = new TemporaryFolder();
  writeFileSync(folder.join("abi.c"), source);
  compileBpf(folder.join("abi.c"), folder.join("abi.bpf.o"));
  return Btf.fromElf(readFileSync(folder.join("abi.bpf.o")));
}

const types = headerTypes();

test.for(Object.entries(abi))("struct %s is laid out as the headers say", ([name, { size, ...fields }]) => {
  const struct = types.struct(name);
  expect(struct, `struct ${name} is in the headers`).toBeDefined();
  expect(size, "what is written is no larger than the structure").toBeLessThanOrEqual(struct?.size ?? 0);
  const offsets = Object.fromEntries(struct?.members.map((member) => [member.name, member.offset]) ?? []);
  expect(offsets).toMatchObject(fields);
});
