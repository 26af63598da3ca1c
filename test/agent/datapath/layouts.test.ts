import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Btf, type BtfType, type Codec } from "libbpf-ts";
import * as generated from "#agent/datapath/layouts.gen.ts";
import { buildBpf } from "#bpf/build.ts";
import { sized } from "#test/support/size.ts";

buildBpf();
const btf = Btf.fromElf(readFileSync(resolve(import.meta.dirname, "../../../dist/gen/layouts.bpf.o")));
const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const renamed: Readonly<Record<string, string>> = {
  interface: "interfaceRecord",
  event: "eventRecord",
  endpoint: "endpointEntry",
};

/** A value as C has it, read by its type and not by the generated code. */
function read(type: BtfType, view: DataView, at: number, bigEndian = false): unknown {
  switch (type.kind) {
    case "typedef":
      return read(type.target, view, at, bigEndian || type.name.startsWith("__be"));
    case "struct":
      return Object.fromEntries(
        type.members
          .flatMap((member) => {
            if (member.name !== "" || member.type.kind !== "union") return [member];
            const [first] = member.type.members;
            return first ? [{ ...first, offset: member.offset + first.offset }] : [];
          })
          .filter(({ name }) => !name.startsWith("pad") && name !== "lock")
          .map((member) => [camel(member.name), read(member.type, view, at + member.offset)]),
      );
    case "array": {
      const values = Array.from({ length: type.length }, (_, i) =>
        read(type.element, view, at + i * type.element.size),
      );
      return type.element.size === 1 ? Uint8Array.from(values as number[]) : values;
    }
    default: {
      const bytes = Array.from({ length: type.size }, (_, i) => BigInt(view.getUint8(at + i)));
      const value = (bigEndian ? bytes : bytes.toReversed()).reduce((sum, byte) => (sum << 8n) | byte, 0n);
      return type.size === 8 ? value : Number(value);
    }
  }
}

const codecs = Object.keys(generated.layouts).map((name) => {
  const codec = (generated as unknown as Record<string, Codec<unknown>>)[renamed[name] ?? camel(name)];
  const struct = btf.struct(name);
  if (!codec || !struct) throw new Error(`no codec or no struct ${name}`);
  return { name, codec, struct };
});

test("every struct of layouts.c has a codec", () => {
  const named = readFileSync(resolve(import.meta.dirname, "../../../bpf/lib/shared/layouts.c"), "utf8");
  const wanted = [...named.matchAll(/LAYOUT_STRUCT\((\w+)\);/g)].map(([, name]) => name);
  expect(codecs.map(({ name }) => name).toSorted()).toEqual(wanted.toSorted());
});

test.for(codecs)("struct $name is read as C has it, and written back to the same bytes", ({ codec, struct }) => {
  expect(codec.size).toBe(struct.size);
  const anyBytes = fc.uint8Array({ minLength: struct.size, maxLength: struct.size });
  const property = fc.property(anyBytes, (bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const value = codec.decode(view, 0);
    expect(value).toEqual(read(struct, view, 0));

    // At an offset, between bytes that are nobody's business; padding becomes zero.
    const room = new DataView(new ArrayBuffer(struct.size + 16));
    codec.encode(value, room, 8);
    expect(codec.decode(room, 8)).toEqual(value);
    expect([room.getBigUint64(0), room.getBigUint64(8 + struct.size)]).toEqual([0n, 0n]);
  });
  fc.assert(property, { numRuns: sized({ short: 50, long: 1000 }) });
});

test("every enum has its numbers", () => {
  const source = ["drop", "event", "policy", "conntrack", "control", "identity"]
    .map((file) => readFileSync(resolve(import.meta.dirname, `../../../bpf/lib/shared/${file}.h`), "utf8"))
    .join("\n");
  const written = new Map(
    [...source.matchAll(/^\t([A-Z0-9_]+) = (\d+),/gm)].map(([, name, value]) => [name, Number(value)]),
  );
  expect(written.get("DROP_POLICY_DENIED")).toBe(generated.DropReason.POLICY_DENIED);
  expect(written.get("HOOK_POD_INGRESS")).toBe(generated.EventHook.POD_INGRESS);
  expect(written.get("EVENT_VERDICT")).toBe(generated.EventType.VERDICT);
  expect(written.get("CONNECTION_DESTINATION_CLOSING")).toBe(generated.ConnectionFlag.DESTINATION_CLOSING);
  expect(generated.IdentityRange.CLASS_LAST).toBe(2 ** 25 - 1);
  expect(generated.ControlSize.CONTROL_WORDS).toBe(1027);
});
