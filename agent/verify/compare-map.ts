import type { MapImage } from "#agent/datapath/kernel.ts";
import type { Names } from "./names.ts";
import type { Pace } from "./pace.ts";
import { differingFields, fieldsOf } from "./struct-fields.ts";
import type { Difference, Findings } from "./verification.ts";

/** What is compared, and how it is spoken of. */
export interface MapComparison {
  readonly map: Difference["map"];
  /** Of the values, as the datapath's headers call it. */
  readonly struct: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly expected: MapImage;
  readonly found: MapImage;
  /** Whether entries that are found, and not expected, are of no interest. */
  readonly isPart: boolean;
  readonly names: Names;
  /** The entry of a key. */
  nameOf(key: Uint8Array): string;
  endpointsOf(key: Uint8Array, value: Uint8Array): readonly number[];
  /** Of the entry that is expected. */
  rulesOf(index: number): readonly string[];
}

/** Compares a map with what it should be, bit by bit, keys and padding included. */
export async function compareMap(comparison: MapComparison, findings: Findings, pace: Pace): Promise<void> {
  const { map, struct, expected, found, names, keySize, valueSize } = comparison;
  const key = (image: MapImage, i: number): Buffer => slice(image.keys, i, keySize);
  const value = (image: MapImage, i: number): Buffer => slice(image.values, i, valueSize);
  const all = (bytes: Uint8Array): string =>
    fieldsOf(struct)
      .filter(({ name }) => !name.startsWith("padding"))
      .map((field) => `${field.name} ${names.field(field, bytes)}`)
      .join(", ");
  const describe = (
    image: MapImage,
    i: number,
    part: string,
    said: Pick<Difference, "expected" | "found" | "rules">,
  ): Difference => {
    const what = `${comparison.nameOf(key(image, i))}: ${part}`;
    return { map, endpoints: comparison.endpointsOf(key(image, i), value(image, i)), what, ...said };
  };

  const rest = new Map<string, number>();
  for (let i = 0; i < found.count; i++) {
    rest.set(key(found, i).toString("latin1"), i);
    if (pace.isDue) await pace.rest();
  }
  for (let i = 0; i < expected.count; i++) {
    if (pace.isDue) await pace.rest();
    const text = key(expected, i).toString("latin1");
    const wanted = value(expected, i);
    const index = rest.get(text);
    rest.delete(text);
    if (index === undefined) {
      findings.add(() =>
        describe(expected, i, "entry", { expected: all(wanted), found: null, rules: comparison.rulesOf(i) }),
      );
      continue;
    }
    findings.entries++;
    const there = value(found, index);
    if (wanted.equals(there)) continue;
    for (const field of differingFields(struct, wanted, there)) {
      findings.add(() =>
        describe(expected, i, field.name, {
          expected: names.field(field, wanted),
          found: names.field(field, there),
          rules: comparison.rulesOf(i),
        }),
      );
    }
  }
  if (comparison.isPart) return;
  for (const index of rest.values()) {
    findings.entries++;
    findings.add(() => describe(found, index, "entry", { expected: null, found: all(value(found, index)), rules: [] }));
  }
}

function slice(bytes: Uint8Array, i: number, size: number): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset + i * size, size);
}
