import type { AddressSpace } from "#agent/ipcache/address-space.ts";
import type { KnownPrefix } from "#agent/ipcache/partition.ts";
import { selectorKeys } from "#policy/compile/selector-keys.ts";
import { addressBook } from "#policy/explain/address-book.ts";
import type { Party } from "#policy/model/flow.ts";
import type { Labels } from "#policy/model/identity.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { reservedIdentities } from "#policy/model/reserved.ts";

/** Numbers for sets of labels; `agent/identity` persists them. */
export interface LabelNumbers {
  /** The number of a set of `key=value`; 0 for the empty one. */
  intern(labels: readonly string[]): number;
  lookup(id: number): readonly string[] | undefined;
  retain(inUse: ReadonlySet<number>): void;
}

/** Who is no pod of this node, by what objects say: other nodes, and the API server. */
export interface OutsiderPlan {
  readonly prefixes: readonly KnownPrefix[];
  /** Who the identities of the prefixes are; those of this node and without labels are known anyway. */
  readonly parties: ReadonlyMap<number, Party>;
  /** The labels of the own node. */
  readonly ownLabels: Labels;
}

/** The identity of whoever has an address by what objects say. */
export function outsiderAt(plan: OutsiderPlan, prefix: string): number | undefined {
  return plan.prefixes.find((known) => known.prefix === prefix)?.identity;
}

/**
 * Brings prefixes to their next owners.
 *
 * @param own Prefixes of pods and of the node itself, which stay theirs whatever objects say.
 * @returns the identities that nobody has any more.
 */
export function moveOutsiders(
  addresses: AddressSpace,
  before: OutsiderPlan,
  now: OutsiderPlan,
  own: ReadonlySet<string>,
): Set<number> {
  const wanted = new Map(now.prefixes.map(({ prefix, identity }) => [prefix, identity]));
  for (const { prefix } of before.prefixes) {
    if (!wanted.has(prefix) && !own.has(prefix)) addresses.removeKnown(prefix);
  }
  for (const [prefix, identity] of wanted) if (!own.has(prefix)) addresses.setKnown(prefix, identity);
  return new Set([...before.parties.keys()].filter((identity) => !now.parties.has(identity)));
}

/**
 * Gives nodes and the API server identities: the fixed numbers, or, where a rule could tell nodes
 * apart by their labels, one for each set of the labels that rules name.
 */
export class Outsiders {
  readonly #numbers: LabelNumbers;
  readonly #nodeName: string;

  constructor(numbers: LabelNumbers, nodeName: string) {
    this.#numbers = numbers;
    this.#nodeName = nodeName;
  }

  /** @param next Objects whose policies may name more labels: these count, too. */
  plan(objects: readonly PolicyObject[], next: readonly PolicyObject[] = []): OutsiderPlan {
    const keys = selectorKeys([...objects, ...next], "nodes");
    const prefixes: KnownPrefix[] = [];
    const parties = new Map<number, Party>();
    for (const [address, party] of addressBook(objects, this.#nodeName)) {
      if (party.reserved === "host") continue;
      const known = this.#identify(party, keys);
      if (known.party) parties.set(known.identity, known.party);
      prefixes.push({ prefix: `${address}/${address.includes(":") ? 128 : 32}`, identity: known.identity });
    }
    // Also while the object names none of its addresses: the node knows these itself.
    const own = objects.findLast(({ kind, name }) => kind === "Node" && name === this.#nodeName);
    return { prefixes, parties, ownLabels: own?.kind === "Node" ? own.labels : {} };
  }

  /** Who an identity of a node stands for; undefined for any other. */
  party(identity: number): Party | undefined {
    const words = this.#numbers.lookup(identity);
    if (!words) return undefined;
    const labels = words.filter((word) => word !== SERVER).map((word) => word.split("=") as [string, string]);
    return {
      reserved: words.includes(SERVER) ? "kube-apiserver" : "remote-node",
      nodeLabels: Object.fromEntries(labels),
    };
  }

  /** Says which identities addresses still have. */
  retain(inUse: ReadonlySet<number>): void {
    this.#numbers.retain(inUse);
  }

  #identify(party: Party, keys: ReadonlySet<string>): { identity: number; party?: Party } {
    const isServer = party.reserved === "kube-apiserver";
    if (isServer && !party.nodeLabels) return { identity: reservedIdentities["kube-apiserver"] };
    const labels = Object.entries(party.nodeLabels ?? {}).filter(([key]) => keys.has(key));
    const words = [...(isServer ? [SERVER] : []), ...labels.map(([key, value]) => `${key}=${value}`)];
    const identity = this.#numbers.intern(words);
    return identity === 0
      ? { identity: reservedIdentities["remote-node"] }
      : { identity, party: this.party(identity) as Party };
  }
}

/** Whether two plans give every address the same identity. */
export function sameOutsiders(a: OutsiderPlan, b: OutsiderPlan): boolean {
  const text = ({ prefixes, ownLabels }: OutsiderPlan): string =>
    JSON.stringify([prefixes.map(({ prefix, identity }) => `${prefix} ${identity}`).sort(), ownLabels]);
  return text(a) === text(b);
}

/** Marks a node on which the API server runs. No label is written like this. */
const SERVER = "kube-apiserver";
