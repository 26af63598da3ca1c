import { formatAddress, parseAddress } from "#policy/model/cidr.ts";
import type { Party } from "#policy/model/flow.ts";
import { type PodObject, type PolicyObject, subjectOf } from "#policy/model/object.ts";
import { addressBook } from "./address-book.ts";

export type ResolvedParties =
  | { readonly ok: true; readonly source: Party; readonly destination: Party }
  | { readonly ok: false; readonly error: string };

/**
 * Finds out who is meant by two ends of a flow, each `NAMESPACE/POD` or an address. Pods
 * are taken by the address of the family that both ends have, IPv4 if both have both.
 */
export function resolveParties(objects: Iterable<PolicyObject>, from: string, to: string): ResolvedParties {
  const all = [...objects];
  const pods = all.filter((object) => object.kind === "Pod");
  const book = addressBook(all);
  const source = find(pods, from);
  const destination = find(pods, to);
  if (typeof source === "string") return { ok: false, error: source };
  if (typeof destination === "string") return { ok: false, error: destination };
  const families = [false, true].filter((v6) => has(source, v6) && has(destination, v6));
  if (families.length === 0 && source.addresses.length > 0 && destination.addresses.length > 0) {
    return { ok: false, error: `${from} and ${to} have no address family in common` };
  }
  const v6 = families[0] ?? null;
  return { ok: true, source: toParty(source, v6, book), destination: toParty(destination, v6, book) };
}

interface End {
  /** Canonical texts. */
  readonly addresses: readonly string[];
  readonly pod: PodObject | null;
}

/** The end that a text means, or what is wrong with the text. */
function find(pods: readonly PodObject[], text: string): End | string {
  const address = parseAddress(text);
  if (address) {
    const canonical = formatAddress(address);
    const pod = pods.findLast(({ addresses }) => addresses.includes(canonical)) ?? null;
    return { addresses: [canonical], pod };
  }
  const [namespace, name, ...rest] = text.split("/");
  if (!namespace || !name || rest.length > 0) return `"${text}" is neither NAMESPACE/POD nor an IP address`;
  const pod = pods.findLast((one) => one.namespace === namespace && one.name === name);
  return pod ? { addresses: pod.addresses, pod } : `pod ${text} is not known`;
}

function has({ addresses }: End, v6: boolean): boolean {
  return addresses.some((address) => address.includes(":") === v6);
}

function toParty({ addresses, pod }: End, v6: boolean | null, book: ReadonlyMap<string, Party>): Party {
  const address = addresses.find((one) => v6 === null || one.includes(":") === v6);
  const known = address === undefined ? undefined : book.get(address);
  if (pod?.hostNetwork) return { ...known, ...(address !== undefined && { address }), reserved: "host" };
  if (!pod && known) return known;
  return {
    ...(address !== undefined && { address }),
    ...(pod ? { subject: subjectOf(pod) } : { reserved: "world" as const }),
  };
}
