import type { SlotEntry } from "#agent/datapath/kernel.ts";
import type { AddressSpace } from "#agent/ipcache/address-space.ts";
import { type AddressToken, isNameToken } from "#policy/model/address-token.ts";
import type { SlotContent, SlotTable } from "./slot-table.ts";

/**
 * What the live slots need before addresses get finer classes: a class that is new judges
 * as the one that its addresses have now.
 */
export function splitEntries(
  slots: SlotTable,
  addresses: AddressSpace,
  classes: ReadonlyMap<number, readonly AddressToken[]>,
): Map<number, SlotEntry[]> {
  const now = new Map([...addresses.classesInUse()].map(([id, tokens]) => [tokens.join(), id]));
  const before = new Set(addresses.tokens);
  const copies = new Map<number, number[]>();
  for (const [id, tokens] of classes) {
    const said = tokens.filter((token) => before.has(token));
    // What an address has by its names may have waited for this change.
    const origin = now.get(said.join()) ?? now.get(said.filter((token) => !isNameToken(token)).join());
    if (origin !== undefined && origin !== id) copies.set(origin, [...(copies.get(origin) ?? []), id]);
  }
  const splits = new Map<number, SlotEntry[]>();
  if (copies.size === 0) return splits;
  for (const slot of slots.numbers()) {
    const entries = [...(slots.content(slot) as SlotContent).entries.values()];
    const added = entries.flatMap((entry) => (copies.get(entry.peer) ?? []).map((peer) => ({ ...entry, peer })));
    if (added.length > 0) splits.set(slot, added);
  }
  return splits;
}
