import type { AddressCell } from "#policy/simulate/address-cells.ts";

/** A range of addresses without some parts of it. Canonical texts. */
export interface AddressRange {
  readonly cidr: string;
  readonly except: readonly string[];
}

/**
 * Puts cells together to as few ranges as can be.
 *
 * @param chosen At least one.
 * @param isOther Whether it matters that a cell is not among them.
 */
export function rangesOf(chosen: ReadonlySet<AddressCell>, isOther: (cell: AddressCell) => boolean): AddressRange[] {
  const tops = [...chosen].filter((cell) => !within(cell, chosen, isOther));
  return tops.map((cell) => ({ cidr: cell.text, except: holes(cell, chosen, isOther) }));
}

/** Whether the range of a cell that is told of anyhow contains this one, without a hole around it. */
function within(cell: AddressCell, chosen: ReadonlySet<AddressCell>, isOther: (cell: AddressCell) => boolean): boolean {
  for (let outer = cell.parent; outer; outer = outer.parent) {
    if (chosen.has(outer)) return true;
    if (isOther(outer)) return false;
  }
  return false;
}

/** The widest ranges inside a cell that are not meant. */
function holes(cell: AddressCell, chosen: ReadonlySet<AddressCell>, isOther: (cell: AddressCell) => boolean): string[] {
  return cell.children.flatMap((child) => {
    if (!chosen.has(child) && isOther(child)) return [child.text];
    return holes(child, chosen, isOther);
  });
}

/** `10.0.0.0/8 (but 10.1.0.0/16), 192.0.2.0/24` */
export function formatRanges(ranges: readonly AddressRange[]): string {
  return ranges.map(({ cidr, except }) => (except.length > 0 ? `${cidr} (but ${listTexts(except)})` : cidr)).join(", ");
}

/** All of a few, some of many. */
export function listTexts(texts: readonly string[]): string {
  return texts.length <= 4 ? texts.join(", ") : `${texts.slice(0, 3).join(", ")} and ${texts.length - 3} more`;
}
