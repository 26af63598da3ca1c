import { formatAddress, parseAddress } from "#policy/model/cidr.ts";
import type { Party } from "#policy/model/flow.ts";
import type { Labels } from "#policy/model/identity.ts";
import { type PodObject, type PolicyObject, objectKey, subjectOf } from "#policy/model/object.ts";
import { addressBook } from "./address-book.ts";

export type ResolvedParties =
  | { readonly ok: true; readonly source: Party; readonly destination: Party }
  | { readonly ok: false; readonly reason: "not-found" | "invalid"; readonly error: string };

/** The node that asks, where one does. */
export interface OwnNode {
  readonly name: string;
  /** Canonical texts; also such as no object tells of. */
  readonly addresses: ReadonlySet<string>;
  readonly labels: Labels;
}

/**
 * Finds out who is meant by two ends of a flow, each `NAMESPACE/POD` or an address. Pods
 * are taken by the address of the family that both ends have, IPv4 if both have both.
 *
 * The node of the pod at the other end is `host`, all others are `remote-node`.
 */
export function resolveParties(
  objects: Iterable<PolicyObject>,
  from: string,
  to: string,
  own: OwnNode | null = null,
): ResolvedParties {
  // Of two objects with one name the later one counts.
  const all = [...new Map([...objects].map((object) => [objectKey(object), object])).values()];
  const pods = all.filter((object) => object.kind === "Pod");
  const source = find(pods, from);
  const destination = find(pods, to);
  if ("error" in source) return { ok: false, ...source };
  if ("error" in destination) return { ok: false, ...destination };
  const families = [false, true].filter((v6) => has(source, v6) && has(destination, v6));
  if (families.length === 0 && source.addresses.length > 0 && destination.addresses.length > 0) {
    return { ok: false, reason: "invalid", error: `${from} and ${to} have no address family in common` };
  }
  const v6 = families[0] ?? null;
  return {
    ok: true,
    source: toParty(source, v6, bookFor(destination, all, own)),
    destination: toParty(destination, v6, bookFor(source, all, own)),
  };
}

interface End {
  /** Canonical texts. */
  readonly addresses: readonly string[];
  readonly pod: PodObject | null;
}

/** The end that a text means, or what is wrong with the text. */
function find(
  pods: readonly PodObject[],
  text: string,
): End | { readonly reason: "not-found" | "invalid"; readonly error: string } {
  const address = parseAddress(text);
  if (address) return findByAddress(pods, formatAddress(address));
  const [namespace, name, ...rest] = text.split("/");
  if (!namespace || !name || rest.length > 0) {
    return { reason: "invalid", error: `"${text}" is neither NAMESPACE/POD nor an IP address` };
  }
  const pod = pods.find((one) => one.namespace === namespace && one.name === name);
  return pod ? { addresses: pod.addresses, pod } : { reason: "not-found", error: `pod ${text} is not known` };
}

/** Pods in nodes' networks share the address with the node, and are it. */
function findByAddress(pods: readonly PodObject[], address: string): ReturnType<typeof find> {
  const claims = pods.filter(({ addresses }) => addresses.includes(address));
  if (claims.every(({ hostNetwork }) => hostNetwork)) return { addresses: [address], pod: null };
  const [pod = null] = claims;
  if (claims.length === 1) return { addresses: [address], pod };
  const names = claims.map(nameOf).sort();
  const error = `${address} is said to be of ${names.join(" and ")}: ask by NAMESPACE/POD`;
  return { reason: "invalid", error };
}

function nameOf({ namespace, name }: PodObject): string {
  return `${namespace}/${name}`;
}

function has({ addresses }: End, v6: boolean): boolean {
  return addresses.some((address) => address.includes(":") === v6);
}

/** Whose addresses are no pod's, as the node of an end has it. */
function bookFor({ pod }: End, objects: readonly PolicyObject[], own: OwnNode | null): ReadonlyMap<string, Party> {
  const node = pod?.nodeName ?? own?.name ?? null;
  const book = addressBook(objects, node);
  if (!own) return book;
  for (const address of own.addresses) {
    if (node === own.name) book.set(address, { address, reserved: "host", nodeLabels: own.labels });
    else if (!book.has(address)) book.set(address, { address, reserved: "remote-node", nodeLabels: own.labels });
  }
  return book;
}

function toParty({ addresses, pod }: End, v6: boolean | null, book: ReadonlyMap<string, Party>): Party {
  const address = addresses.find((one) => v6 === null || one.includes(":") === v6);
  const at = address !== undefined && { address };
  if (pod && !pod.hostNetwork) return { ...at, subject: subjectOf(pod), pod: nameOf(pod) };
  if (address === undefined) return { reserved: "remote-node" };
  return book.get(address) ?? { address, reserved: "world" };
}
