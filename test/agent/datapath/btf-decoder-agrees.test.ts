import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import fc from "fast-check";
import { Btf, BpfObject, type BtfType, type BtfValue, btfDecoder, type Codec } from "libbpf-ts";
import { beforeEach, expect, test } from "vitest";
import * as generated from "#agent/datapath/layouts.gen.ts";
import { datapathObjects } from "#agent/datapath/open-kernel.ts";
import { needs } from "#test/support/requirement.ts";

const folder = resolve(import.meta.dirname, "../../../dist/bpf");

beforeEach(needs("dist"));

/** Names that the generated file gives structures whose own are taken. */
const renamed: Readonly<Record<string, string>> = {
  interface: "interfaceRecord",
  event: "eventRecord",
  endpoint: "endpointEntry",
};

const camel = (name: string): string => name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

function codecOf(struct: string): Codec<object> | undefined {
  const name = renamed[struct] ?? camel(struct);
  return (generated as unknown as Record<string, Codec<object>>)[name];
}

/** What was decoded, as far as the codec has it, too: padding, locks and what lies over others it has not. */
function asFarAs(codec: unknown, decoded: BtfValue): unknown {
  if (Array.isArray(codec))
    return codec.map((one, index) => asFarAs(one, (decoded as readonly BtfValue[])[index] ?? null));
  if (typeof codec !== "object" || codec === null) return decoded;
  const fields = new Map(Object.entries(decoded as object).map(([name, value]) => [camel(name), value as BtfValue]));
  return Object.fromEntries(Object.entries(codec).map(([name, one]) => [name, asFarAs(one, fields.get(name) ?? null)]));
}

/** The codec's own arrays of bytes as lists. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}

function expectAgreement(type: BtfType, codec: Codec<object>): void {
  const decode = btfDecoder(type);
  const bytes = fc.uint8Array({ minLength: type.size, maxLength: type.size });
  const property = fc.property(bytes, (random) => {
    const view = new DataView(random.buffer, random.byteOffset, random.byteLength);
    const wanted = plain(codec.decode(view, 0));
    expect(asFarAs(wanted, decode(view, 0))).toEqual(wanted);
  });
  fc.assert(property, { numRuns: 50 });
}

test("keys and values of every map are read by BTF as by the generated codecs", () => {
  const seen: string[] = [];
  for (const file of datapathObjects) {
    const bytes = readFileSync(resolve(folder, file));
    const btf = Btf.fromElf(bytes);
    using object = BpfObject.open(bytes, "weir");
    for (const map of object.mapNames.filter((name) => !name.includes("."))) {
      const { key, value } = object.typesOf(map);
      for (const type of [key, value].filter((id) => id !== 0).map((id) => btf.type(id))) {
        if (type.kind !== "struct") continue;
        const codec = codecOf(type.name);
        if (!codec) continue;
        expect(type.size).toBe(codec.size);
        expectAgreement(type, codec);
        seen.push(type.name);
      }
    }
  }
  expect(new Set(seen)).toEqual(
    new Set([
      "bandwidth",
      "bandwidth_key",
      "capture_order",
      "conntrack4_key",
      "conntrack6_key",
      "conntrack_entry",
      "counter_key",
      "counter_value",
      "endpoint",
      "endpoint_key",
      "fragment_key",
      "fragment_start",
      "interface",
      "ipcache_entry",
      "ipcache_key",
      "limit",
      "masquerade_device",
      "nat4_key",
      "nat6_key",
      "nat_entry",
      "proxy_state",
    ]),
  );
});

test.each(["policy_key", "policy_entry"])("%s is read so, too, though only inner maps have it", (name) => {
  const type = Btf.fromElf(readFileSync(resolve(folder, "pod.bpf.o"))).struct(name);
  expectAgreement(type as BtfType, codecOf(name) as Codec<object>);
});
