import type { SlotEntry } from "#agent/datapath/kernel.ts";
import type { AddressSpace } from "#agent/ipcache/address-space.ts";
import type { AddressToken } from "#policy/model/address-token.ts";
import type { PolicyEngine } from "#policy/compile/engine.ts";
import type { PolicyEntry } from "#policy/compile/entry.ts";
import type { SharedSlot } from "./enforcement-views.ts";
import { EndpointError } from "./errors.ts";
import type { SlotTable } from "./slot-table.ts";
import { refuseTooLarge } from "./wanted-policies.ts";

/** How much of a slot is for peers that a policy and pods bring; what DNS servers answer has no more than the rest. */
const reserved = 1 / 4;

/** Slots that judge packets now, and by what. */
export interface LiveSlots {
  readonly engine: PolicyEngine;
  readonly slots: SlotTable;
  readonly shared: readonly SharedSlot[];
  readonly entry: (entry: PolicyEntry) => SlotEntry;
  /** Whether what the slots hold is of an earlier life, so that nobody knows what it says of a new peer. */
  readonly isRefused: boolean;
}

/**
 * Puts what rules say of a peer that the engine has just come to know into the live slots.
 *
 * @param told resolves when the proxy knows the rules that the entries name.
 * @throws EndpointError `policy-too-large`; then nothing was written.
 */
export async function addPeer(peer: number, live: LiveSlots, told: () => Promise<void>): Promise<void> {
  const { slots } = live;
  const added = entriesOf(peer, live);
  refuseTooLarge(slots, new Map(), added);
  await told();
  for (const [slot, entries] of added) slots.add(slot, entries);
}

/** As {@link Enforcement.setNames}. */
export function setNames(
  changes: ReadonlyMap<string, readonly string[]>,
  addresses: AddressSpace,
  live: LiveSlots,
): Set<string> {
  const prefixes = addresses.setNames(changes);
  writeNamed(prefixes, addresses, live);
  const waiting = prefixes.filter((prefix) => !addresses.isAdmitted(prefix));
  return new Set(waiting.map((prefix) => prefix.slice(0, prefix.indexOf("/"))));
}

/** Forgets classes of names that nobody has any more, and tries again what had no room. */
export function collectNames(addresses: AddressSpace, live: LiveSlots): void {
  const gone = addresses.dropClasses();
  live.slots.removePeers(gone);
  for (const id of gone) live.engine.removeClass(id);
  writeNamed(addresses.waiting, addresses, live);
  addresses.releaseClasses();
}

/**
 * Plans a policy, without those names that need classes of their own where it has no room for them: what DNS servers have
 * answered does not stand in the way of policy.
 *
 * @param undo is called where a plan has failed.
 */
export function yieldingNames<T>(addresses: AddressSpace, plan: () => T, undo: () => void): T {
  const attempt = (isTight: boolean): T => {
    addresses.isTight = isTight;
    try {
      return plan();
    } catch (error) {
      undo();
      addresses.isTight = false;
      throw error;
    }
  };
  try {
    return attempt(false);
  } catch (error) {
    if (!(error instanceof EndpointError) || !addresses.hasNames) throw error;
    return attempt(true);
  }
}

/** Brings the kernel to what is said of named addresses: what policy says of their classes before any address has them. */
function writeNamed(prefixes: readonly string[], addresses: AddressSpace, live: LiveSlots): void {
  if (prefixes.length === 0) return;
  if (!live.isRefused) addNamedClasses(addresses, addresses.missingClasses(prefixes), live);
  addresses.writeNamed(prefixes);
}

/** A class that has no room is not known, and its addresses wait: names may not stand in the way of pods and policies. */
function addNamedClasses(
  addresses: AddressSpace,
  classes: ReadonlyMap<number, readonly AddressToken[]>,
  live: LiveSlots,
): void {
  const { engine, slots } = live;
  const capacity = slots.capacity * (1 - reserved);
  const fits = ([slot, more]: [number, SlotEntry[]]): boolean =>
    more.length === 0 || (slots.content(slot)?.entries.size ?? 0) + more.length <= capacity;
  for (const [id, tokens] of classes) {
    engine.addClass(id, tokens);
    const added = entriesOf(id, live);
    if ([...added].every(fits)) {
      for (const [slot, entries] of added) slots.add(slot, entries);
      addresses.addClasses(new Map([[id, tokens]]));
    } else {
      engine.removeClass(id);
    }
  }
}

function entriesOf(peer: number, { engine, shared, entry }: LiveSlots): Map<number, SlotEntry[]> {
  const added = new Map<number, SlotEntry[]>();
  for (const { slot, subject } of shared) added.set(slot, engine.entriesFor(subject, peer).map(entry));
  return added;
}
