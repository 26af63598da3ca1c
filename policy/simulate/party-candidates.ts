import { type Address, formatAddress, parseAddress } from "#policy/model/cidr.ts";
import { type Party, reservedOf } from "#policy/model/flow.ts";
import type { Labels } from "#policy/model/identity.ts";
import { type NodeObject, type PodObject, subjectOf } from "#policy/model/object.ts";
import { RESERVED_PARTIES, type ReservedParty } from "#policy/model/reserved.ts";
import { compareAddresses } from "./address-cells.ts";
import type { Family, PartyKind } from "./party-class.ts";
import type { World } from "./world.ts";

/** Somebody with the addresses that are known, before classes are made: by family, and in each world. */
export interface Candidate {
  readonly kind: PartyKind;
  readonly name: string;
  readonly ends: readonly { readonly family: Family | null; readonly parties: readonly Party[] }[];
}

/** Everybody that objects tell of: pods, nodes in both of their roles, and API servers. */
export function knownParties(worlds: readonly World[]): Candidate[] {
  return [...pods(worlds), ...machines(worlds).flatMap((machine) => roles(machine, worlds)), ...servers(worlds)];
}

/** The addresses that are not outside of the cluster, sorted. */
export function knownAddresses(worlds: readonly World[]): Address[] {
  const texts = new Set<string>();
  for (const { pods, book } of worlds) {
    for (const { addresses } of pods.values()) for (const address of addresses) texts.add(address);
    for (const address of book.keys()) texts.add(address);
  }
  return [...texts].flatMap((text) => parseAddress(text) ?? []).sort(compareAddresses);
}

/** Reserved parties that rules speak of, and the own node, of which no object may tell. */
export function namedParties(worlds: readonly World[]): Set<ReservedParty> {
  const named = new Set<ReservedParty>(["host"]);
  for (const world of worlds) {
    for (const peer of world.peers()) {
      if (peer.kind === "nodes") named.add("remote-node");
      else if (peer.kind === "entity") {
        const all = peer.entity === "cluster" ? RESERVED_PARTIES.filter((party) => party !== "world") : [peer.entity];
        for (const party of all) named.add(party);
      }
    }
  }
  named.delete("world");
  return named;
}

function pods(worlds: readonly World[]): Candidate[] {
  return versionsOf(worlds.map((world) => world.pods)).flatMap(([name, versions]): Candidate[] =>
    versions.some(({ hostNetwork }) => hostNetwork)
      ? []
      : [{ kind: "pod", name, ends: endsOf(versions, (pod) => ({ subject: subjectOf(pod) })) }],
  );
}

/** What has a network of its own without being a pod: nodes, and pods on nodes of which no object tells. */
interface Machine {
  readonly name: string;
  readonly versions: readonly { readonly addresses: readonly string[]; readonly labels: Labels | undefined }[];
}

function machines(worlds: readonly World[]): Machine[] {
  const nodes = versionsOf<NodeObject>(worlds.map((world) => world.nodes));
  const known = new Set(worlds.flatMap(({ book }) => [...book.keys()]));
  const onHosts = versionsOf<PodObject>(worlds.map((world) => world.pods)).filter(
    ([, versions]) =>
      versions.some(({ hostNetwork }) => hostNetwork) &&
      versions.some(({ addresses }) => addresses.length > 0 && !addresses.some((address) => known.has(address))),
  );
  const byAddresses = new Map(onHosts.map((one) => [one[1].map(({ addresses }) => addresses.join()).join("|"), one]));
  return [
    ...nodes.map(([name, versions]) => ({ name, versions })),
    ...[...byAddresses.values()].map(([name, versions]) => ({
      name,
      versions: versions.map(({ addresses }) => ({ addresses, labels: undefined })),
    })),
  ];
}

/** The node of the pod at the other end, and one among others. */
function roles({ name, versions }: Machine, worlds: readonly World[]): Candidate[] {
  const partyOf = (reserved: ReservedParty, { labels }: Machine["versions"][number]): Party => ({
    reserved,
    ...(labels && { nodeLabels: labels }),
  });
  const isServer = (address: string): boolean =>
    worlds.some(({ book }) => book.get(address)?.reserved === "kube-apiserver");
  const others = versions.map((one) => ({ ...one, addresses: one.addresses.filter((address) => !isServer(address)) }));
  const isOther =
    others.some(({ addresses }) => addresses.length > 0) || versions.every((one) => one.addresses.length === 0);
  return [
    { kind: "host", name, ends: endsOf(versions, (one) => partyOf("host", one)) },
    ...(isOther
      ? [{ kind: "remote-node", name, ends: endsOf(others, (one) => partyOf("remote-node", one)) } as const]
      : []),
  ];
}

/** Addresses that are an API server's in one of the worlds. */
function servers(worlds: readonly World[]): Candidate[] {
  const ofPods = new Set(
    worlds.flatMap((world) => [...world.pods.values()].flatMap((pod) => (pod.hostNetwork ? [] : pod.addresses))),
  );
  const books = versionsOf(worlds.map(({ book }) => book));
  return books
    .filter(
      ([address, versions]) => !ofPods.has(address) && versions.some(({ reserved }) => reserved === "kube-apiserver"),
    )
    .map(([address, versions]) => ({
      kind: reservedOf(versions.at(-1) as Party),
      name: address,
      ends: [{ family: familyOf(address), parties: versions }],
    }));
}

/** Whatever has a name in one of the worlds, as it is in each; where it is missing, as it is where it is not. */
function versionsOf<T>(maps: readonly ReadonlyMap<string, T>[]): [string, T[]][] {
  const names = [...new Set(maps.flatMap((map) => [...map.keys()]))].sort();
  return names.map((name) => {
    const found = maps.map((map) => map.get(name));
    const any = found.find((one) => one !== undefined) as T;
    return [name, found.map((one) => one ?? any)];
  });
}

function endsOf<T extends { readonly addresses: readonly string[] }>(
  versions: readonly T[],
  toParty: (version: T) => Party,
): Candidate["ends"] {
  const ends = ([4, 6] as const).flatMap((family) => {
    const lists = versions.map(({ addresses }) => addresses.filter((address) => familyOf(address) === family));
    const longest = Math.max(...lists.map(({ length }) => length));
    return Array.from({ length: longest }, (_, i) => {
      const any = lists.find((list) => list.length > i)?.[i] as string;
      const parties = versions.map((version, world) => ({ ...toParty(version), address: lists[world]?.[i] ?? any }));
      return { family, parties };
    });
  });
  return ends.length > 0 ? ends : [{ family: null, parties: versions.map(toParty) }];
}

/** In canonical form, as a party has it. */
export function familyOf(address: string): Family {
  return address.includes(":") ? 6 : 4;
}

/** The canonical text of an address, which may be written otherwise. */
export function canonicalAddress(text: string): string | null {
  const address = parseAddress(text);
  return address && formatAddress(address);
}
