import type { MapInfo } from "./info.ts";
import { MapType } from "./map-handle.ts";

/** What makes two maps interchangeable for a program. */
export type MapShape = Pick<MapInfo, "type" | "keySize" | "valueSize" | "maxEntries" | "flags">;

const typeNames = new Map<number, string>(Object.entries(MapType).map(([name, number]) => [number, name]));

/** `HASH`, or `type 99` for one that this package does not know. */
export function mapTypeName(type: number): string {
  return typeNames.get(type) ?? `type ${type}`;
}

/** How a map differs from what is wanted, in phrases like `5 entries, not 10000`; empty when it does not. */
export function compareShapes(found: MapShape, wanted: MapShape): string[] {
  const differences: string[] = [];
  const note = (differs: boolean, is: string, shouldBe: string | number): void => {
    if (differs) differences.push(`${is}, not ${shouldBe}`);
  };
  note(found.type !== wanted.type, `a ${mapTypeName(found.type)}`, mapTypeName(wanted.type));
  note(found.keySize !== wanted.keySize, `keys of ${found.keySize} bytes`, wanted.keySize);
  note(found.valueSize !== wanted.valueSize, `values of ${found.valueSize} bytes`, wanted.valueSize);
  note(found.maxEntries !== wanted.maxEntries, `${found.maxEntries} entries`, wanted.maxEntries);
  note(found.flags !== wanted.flags, `flags 0x${found.flags.toString(16)}`, `0x${wanted.flags.toString(16)}`);
  return differences;
}
