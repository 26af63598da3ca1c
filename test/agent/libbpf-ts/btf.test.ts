import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { BpfError, Btf } from "libbpf-ts";
import { bpfFixture } from "#test/support/bpf-fixture.ts";

const kernelTypes = "/sys/kernel/btf/vmlinux";
const hooks = bpfFixture("hooks");

test("structs have their members, sizes and places", () => {
  const struct = Btf.fromElf(hooks).struct("slot");
  expect(struct).toMatchObject({
    kind: "struct",
    size: 16,
    members: [
      { name: "packets", offset: 0, type: { kind: "typedef", name: "__u64", size: 8 } },
      { name: "bytes", offset: 8, type: { size: 8 } },
    ],
  });
  expect(Btf.fromElf(hooks).struct("nothing")).toBeUndefined();
});

test("unions, arrays and pointers of a real program are read", () => {
  const btf = Btf.fromElf(bpfFixture("maps"));
  expect(btf.struct("prefix")).toMatchObject({
    size: 8,
    members: [{ name: "prefixlen" }, { name: "address", offset: 4, type: { kind: "array", length: 4, size: 4 } }],
  });
  const context = btf.struct("__sk_buff");
  expect(context?.size).toBe(192);
  expect(context?.members.find(({ name }) => name === "cb")).toMatchObject({ offset: 48, type: { size: 20 } });
  // A struct that is used only through a local pointer, such as `record`, is not in BTF.
  expect(btf.names("struct")).toEqual(["inner", "pair", "prefix", "__sk_buff"].filter((name) => btf.struct(name)));
});

test("the kernel's own types are read", ({ skip }) => {
  if (!existsSync(kernelTypes)) skip(`needs ${kernelTypes}`);
  const btf = new Btf(readFileSync(kernelTypes));
  const device = btf.struct("net_device");
  expect(device?.members.find(({ name }) => name === "ifindex")?.type).toMatchObject({
    kind: "int",
    size: 4,
    signed: true,
  });
  expect(btf.enum("bpf_map_type")?.values.get("BPF_MAP_TYPE_LPM_TRIE")).toBe(11);
});

test("what is no object, or has no BTF, is refused with a reason", () => {
  const bad = [new Uint8Array(0), new Uint8Array(64), Buffer.from("no ELF file at all"), hooks.subarray(0, 100)];
  for (const bytes of bad) {
    expect(() => Btf.fromElf(bytes)).toThrow(BpfError);
    expect(() => new Btf(bytes)).toThrow(expect.objectContaining({ code: "invalid" }));
  }
});

test("damaged objects are read or refused, nothing else", () => {
  const damage = fc.array(fc.tuple(fc.nat(hooks.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
  const property = fc.property(damage, (changes) => {
    const copy = Uint8Array.from(hooks);
    for (const [at, value] of changes) copy[at] = value;
    try {
      Btf.fromElf(copy);
    } catch (error) {
      expect(error).toBeInstanceOf(BpfError);
    }
  });
  fc.assert(property, { numRuns: 500 });
});
