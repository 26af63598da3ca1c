import type { MapImage } from "#agent/datapath/kernel.ts";
import {
  type EndpointEntry,
  endpointEntry,
  endpointKey,
  type IpcacheEntry,
  ipcacheEntry,
  ipcacheKey,
  ReservedIdentity,
} from "#agent/datapath/layouts.gen.ts";
import type { AddressToken } from "#policy/model/address-token.ts";
import type { Party } from "#policy/model/flow.ts";
import { RESERVED_PARTIES, reservedIdentities } from "#policy/model/reserved.ts";
import { addressParts } from "./address-parts.ts";
import { endpointKeyName, ipcachePrefix } from "./key-names.ts";
import type { Pace } from "./pace.ts";
import type { PeerNumbers } from "./read-slot.ts";
import type { ReadOut } from "./read-out.ts";

/** Somebody with whom a pod may speak: who that is, and what the maps say of it. */
export interface Peer extends PeerNumbers {
  readonly party: Party;
  /** Prefixes that objects speak of and that its address is in. */
  readonly within: readonly string[];
  /** What rules say of its names: who has the same is one to them. */
  readonly named: readonly AddressToken[];
}

/** The endpoints as they were read back, by address. */
export function readEndpoints(image: MapImage): Map<string, EndpointEntry> {
  const values = viewOf(image.values);
  const { size } = endpointKey;
  return new Map(
    Array.from({ length: image.count }, (_, i) => [
      endpointKeyName(image.keys.subarray(i * size, (i + 1) * size)),
      endpointEntry.decode(values, i * endpointEntry.size),
    ]),
  );
}

/**
 * Everybody, each as often as prefixes of the maps, of the agent's knowledge and of objects tell their
 * addresses apart; identities and reserved parties also without an address.
 */
export async function peersOf(readOut: ReadOut, spoken: ReadonlySet<string>, pace: Pace): Promise<Peer[]> {
  const { snapshot } = readOut;
  const owners = new Map(snapshot.known.map(({ prefix, identity }) => [prefix, identity]));
  const local = readEndpoints(readOut.endpoints);
  const parity = readOut.generation % 2n === 0n ? 0 : 1;
  const ipcache = readIpcache(readOut.ipcache);
  const partyOf = (identity: number): Party => {
    const subject = snapshot.identities.get(identity);
    if (subject) return { subject };
    const reserved = RESERVED_PARTIES.find((party) => reservedIdentities[party] === identity);
    if (reserved === "host") return { reserved, nodeLabels: snapshot.ownLabels };
    return snapshot.parties.get(identity) ?? { reserved: reserved ?? "world" };
  };

  const peers: Peer[] = [];
  const numbers = [...snapshot.identities.keys(), ...snapshot.parties.keys(), ...Object.values(reservedIdentities)];
  for (const identity of numbers) {
    peers.push({ party: partyOf(identity), identity, addressClass: 0, within: [], named: [] });
  }
  for (const { address, within } of await addressParts([...owners.keys(), ...ipcache.keys(), ...spoken], pace)) {
    if (pace.isDue) await pace.rest();
    const owner = owners.get(within.findLast((prefix) => owners.has(prefix)) ?? "");
    const entry = ipcache.get(within.findLast((prefix) => ipcache.has(prefix)) ?? "");
    const endpoint = local.get(address);
    const whole = `${address}/${address.includes(":") ? 128 : 32}`;
    const names = snapshot.names.get(whole);
    peers.push({
      party: { ...partyOf(owner ?? ReservedIdentity.WORLD), address, ...(names && { names }) },
      identity: endpoint?.identity[parity] ?? entry?.identity ?? ReservedIdentity.WORLD,
      addressClass: entry?.addressClass ?? 0,
      within: within.filter((prefix) => spoken.has(prefix)),
      named: snapshot.named.tokens.get(whole) ?? [],
    });
  }
  return peers;
}

function readIpcache(image: MapImage): Map<string, IpcacheEntry> {
  const values = viewOf(image.values);
  const { size } = ipcacheKey;
  const entries = Array.from({ length: image.count }, (_, i) => {
    const prefix = ipcachePrefix(image.keys.subarray(i * size, (i + 1) * size));
    return [prefix, ipcacheEntry.decode(values, i * ipcacheEntry.size)] as const;
  });
  return new Map(entries.filter((entry): entry is readonly [string, IpcacheEntry] => entry[0] !== null));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
