import type { AddressHop, AddressReasons, AddressSource, AddressView, NodeView } from "#agent/api/address-views.ts";
import type { AddressPort } from "#agent/api/ports.ts";
import { ReservedIdentity } from "#agent/datapath/layouts.gen.ts";
import { outsiderAt } from "#agent/endpoint/outsiders.ts";
import { identityKeys } from "#agent/identity/identity-keys.ts";
import { identityLabels, reservedLabels } from "#agent/identity/labels.ts";
import type { KnownPrefix } from "#agent/ipcache/partition.ts";
import { formatTime } from "#agent/runtime/clock.ts";
import { StoreError } from "#agent/store/errors.ts";
import { addressTokens } from "#policy/compile/address-match.ts";
import { namesOf, tokenBlock } from "#policy/model/address-token.ts";
import {
  type Cidr,
  cidrContains,
  formatAddress,
  formatCidr,
  hostCidr,
  parseAddress,
  parseCidr,
} from "#policy/model/cidr.ts";
import { matchesName } from "#policy/model/name-match.ts";
import { type NodeObject, objectKey } from "#policy/model/object.ts";
import type { NodeParts } from "./parts.ts";

/** Who is behind addresses, and why. */
export function addressPort(parts: NodeParts): AddressPort {
  return {
    list: () => {
      const owners = new Owners(parts);
      return parts.kernel.ipcache.read().map((entry): AddressView => {
        const { source, endpoint, pod, node } = owners.of(entry.prefix);
        const names = namesAt(entry.prefix, parts);
        return { ...entry, labels: labelsOf(entry.identity, parts), source, endpoint, pod, node, names };
      });
    },
    nodes: () => nodesOf(parts),
    why: (address) => reasonsOf(parts, address),
  };
}

function namesAt(prefix: string, { names }: NodeParts): readonly string[] {
  return isHostRoute(prefix) ? names.namesOf(prefix.slice(0, prefix.indexOf("/"))) : [];
}

function nodesOf({ config, policy, enforcement }: NodeParts): NodeView[] {
  const views = nodeObjects(policy.objects).map(({ name, addresses, podCidrs = [], labels, source }): NodeView => {
    return { name, own: name === config.nodeName, addresses, podCidrs, labels, file: source.file, line: source.line };
  });
  if (views.some(({ own }) => own)) return views;
  const own = {
    name: config.nodeName,
    own: true,
    addresses: ownAddresses(enforcement.views.snapshot().known),
    podCidrs: [],
    labels: {},
  };
  return [{ ...own, file: null, line: null }, ...views];
}

function nodeObjects(objects: NodeParts["policy"]["objects"]): NodeObject[] {
  return objects.filter((object) => object.kind === "Node");
}

/** Of the node itself: the host routes with the node's identity. */
function ownAddresses(known: readonly KnownPrefix[]): string[] {
  const own = known.filter(({ prefix, identity }) => identity === ReservedIdentity.HOST && isHostRoute(prefix));
  return [...new Set(own.map(({ prefix }) => prefix.slice(0, prefix.indexOf("/"))))];
}

function isHostRoute(prefix: string): boolean {
  return prefix.endsWith(prefix.includes(":") ? "/128" : "/32");
}

function labelsOf(identity: number, { identities, outsiders }: NodeParts): Record<string, string> {
  const subject = identities.subject(identity);
  if (subject) return identityLabels(subject);
  const party = outsiders.party(identity);
  return reservedLabels(identity) ?? (party ? { ...party.nodeLabels, [`reserved:${party.reserved}`]: "" } : {});
}

interface Owner {
  readonly source: AddressSource;
  readonly endpoint: number | null;
  readonly pod: string | null;
  readonly node: string | null;
}

/** What has said whose prefixes are, as of one moment. */
class Owners {
  readonly #parts: NodeParts;
  readonly #endpoints = new Map<string, Owner>();
  readonly #nodes = new Map<string, string>();
  readonly #known = new Set<string>();

  constructor(parts: NodeParts) {
    this.#parts = parts;
    for (const { record } of parts.endpoints.list()) {
      const owner = {
        source: "endpoint",
        endpoint: record.id,
        pod: `${record.namespace}/${record.pod}`,
        node: null,
      } as const;
      for (const address of [record.ipv4, record.ipv6])
        if (address !== null) this.#endpoints.set(hostRoute(address), owner);
    }
    for (const { name, addresses } of nodeObjects(parts.policy.objects)) {
      for (const address of addresses) this.#nodes.set(hostRoute(address), name);
    }
    for (const { prefix } of parts.enforcement.views.snapshot().known) this.#known.add(prefix);
  }

  of(prefix: string): Owner {
    const nobody = { endpoint: null, pod: null, node: this.#nodes.get(prefix) ?? null } as const;
    const address = prefix.slice(0, prefix.indexOf("/"));
    const { views, outsiders } = this.#parts.enforcement;
    const endpoint = this.#endpoints.get(prefix);
    if (endpoint) return endpoint;
    if (isHostRoute(prefix) && views.isNodeAddress(address)) return { ...nobody, source: "own-address" };
    if (outsiderAt(outsiders, prefix) !== undefined) return { ...nobody, source: "node-object" };
    return { ...nobody, source: this.#known.has(prefix) ? "pod-range" : "none" };
  }
}

function hostRoute(address: string): string {
  return `${address}/${address.includes(":") ? 128 : 32}`;
}

async function reasonsOf(parts: NodeParts, text: string): Promise<AddressReasons> {
  const { kernel, enforcement, policy } = parts;
  const host = hostCidr(parseAddress(text) ?? { family: 6, value: 0n });
  const address = formatAddress({ family: host.family, value: host.address });
  const found = kernel.lookups.ipcache(address);
  const inKernel = found.prefix === null ? null : { ...found, prefix: found.prefix };
  const wanted = longestOf(enforcement.views.snapshot().known, host);
  const agent = wanted ?? null;
  const owner = wanted ? new Owners(parts).of(wanted.prefix) : nobody;
  const names = namesAt(formatCidr(host), parts);
  const rules = rulesAbout(parts, host, names);
  const known = owner.source !== "none" && owner.source !== "pod-range";
  return {
    address,
    known,
    kernel: inKernel,
    agent,
    agree: found.identity === (agent?.identity ?? ReservedIdentity.WORLD),
    identity: found.identity,
    labels: labelsOf(found.identity, parts),
    source: owner.source,
    because: because(parts, address, owner, agent),
    names,
    rules,
    revision: Number(policy.revision),
    store: await inStore(parts, found.identity),
    hops: await hopsOf(parts, { owner, rules, prefixes: [formatCidr(host), wanted?.prefix, found.prefix] }),
    remedies: known ? [] : remedies(address),
  };
}

const nobody: Owner = { source: "none", endpoint: null, pod: null, node: null };

/** The longest prefix that covers an address; of two that are equal the later one counts. */
function longestOf(known: readonly KnownPrefix[], host: Cidr): KnownPrefix | undefined {
  let best: { readonly bits: number; readonly known: KnownPrefix } | undefined;
  for (const one of known) {
    const cidr = parseCidr(one.prefix);
    if (cidr && cidrContains(cidr, host) && cidr.bits >= (best?.bits ?? 0)) best = { bits: cidr.bits, known: one };
  }
  return best?.known;
}

/** Rules that name a range that covers the address, or one of its DNS names. */
function rulesAbout({ enforcement }: NodeParts, host: Cidr, names: readonly string[]): AddressReasons["rules"] {
  return enforcement.views.snapshot().engine.policies.flatMap(({ rules }) =>
    rules.flatMap(({ description, peers }) => {
      const tokens = (peers ?? []).flatMap(addressTokens);
      const ranges = tokens.flatMap((token) => tokenBlock(token)?.cidr ?? []);
      const covering =
        ranges.find((range) => {
          const cidr = parseCidr(range);
          return cidr !== null && cidrContains(cidr, host);
        }) ?? namesOf(tokens).find((text) => names.some((name) => matchesName(text, name)));
      return covering === undefined ? [] : [{ ...description, cidr: covering }];
    }),
  );
}

function because(
  parts: NodeParts,
  address: string,
  { source, endpoint, pod, node }: Owner,
  agent: KnownPrefix | null,
): string {
  const object = nodeObjects(parts.policy.objects).find(({ name }) => name === node);
  const place = object ? ` (${object.source.file}${object.source.line === null ? "" : `:${object.source.line}`})` : "";
  switch (source) {
    case "endpoint":
      return `it is an address of the pod ${pod}, endpoint ${endpoint} of this node`;
    case "own-address":
      return `it is an address of this node, on one of its devices`;
    case "node-object":
      return node === null
        ? "the API server is there, as the EndpointSlice of default/kubernetes says"
        : `the Node object ${node}${place} has it`;
    case "pod-range":
      return `it is in ${agent?.prefix}, a range of this node's pods, but no pod has it`;
    case "none":
      return `nobody has said whose ${address} is: no pod of this node has it, no Node object, and it is in no range of this node's pods, so it is the world's`;
  }
}

function remedies(address: string): string[] {
  return [
    `were it a pod of this node: ADD by the CNI plugin, after which weir endpoint list shows ${address}`,
    `were it a node: a Node object whose status.addresses name ${address}, in the folder of --objects or at the API server`,
    `pods of other nodes are not known by their addresses yet; a rule reaches the address by a range: ${formatCidr(hostCidr(parseAddress(address) ?? { family: 4, value: 0n }))}`,
    `or by a DNS name (toFQDNs), once a pod has asked for it by way of the proxy: weir fqdn cache list shows the names`,
  ];
}

/** Where nodes agree on an identity's number. */
async function inStore({ store, identities }: NodeParts, identity: number): Promise<AddressReasons["store"]> {
  if (!identities.subject(identity)) return null;
  const key = identityKeys.number(identity);
  try {
    const entry = await store.get(key);
    return { kind: store.kind, key, revision: entry?.revision ?? null };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { kind: store.kind, key, revision: null };
  }
}

interface Asked {
  readonly owner: Owner;
  readonly rules: AddressReasons["rules"];
  readonly prefixes: readonly (string | null | undefined)[];
}

/** What is remembered of the way of an address into the kernel. */
async function hopsOf(parts: NodeParts, { owner, rules, prefixes }: Asked): Promise<AddressHop[]> {
  const hops: AddressHop[] = [];
  const { endpoint, node } = owner;
  if (endpoint !== null) {
    for (const { time, event, message } of parts.endpoints.log(endpoint) ?? []) {
      hops.push({ time, stage: "endpoint", what: `${event}: ${message}` });
    }
  }
  const object = nodeObjects(parts.policy.objects).find(({ name }) => name === node);
  if (object) {
    const revision = parts.policy.sinceRevision(objectKey(object));
    hops.push({ time: null, stage: "policy", what: `Node object ${object.name} in force since revision ${revision}` });
  }
  const never = new AbortController().signal;
  for await (const events of parts.agentEvents.read({ first: false, follow: false }, never)) {
    for (const event of events) {
      const time = formatTime(event.time);
      if (event.type === "IPCACHE_UPSERTED" && prefixes.includes(event.cidr))
        hops.push({ time, stage: "ipcache", what: `the kernel learned ${event.cidr} as identity ${event.identity}` });
      if (event.type === "POLICY_UPDATED" && rules.some((rule) => isOf(rule, event)))
        hops.push({
          time,
          stage: "policy",
          what: `${event.kind} ${nameOf(event)} came into force, revision ${event.revision}`,
        });
      if (event.type === "IPCACHE_DELETED" && prefixes.includes(event.cidr))
        hops.push({ time, stage: "ipcache", what: `the kernel forgot ${event.cidr}` });
    }
  }
  return hops.sort((a, b) => ((a.time ?? "") < (b.time ?? "") ? -1 : 1));
}

type Named = Pick<AddressReasons["rules"][number], "kind" | "namespace" | "name">;

function isOf(rule: Named, object: Named): boolean {
  return rule.kind === object.kind && rule.namespace === object.namespace && rule.name === object.name;
}

function nameOf({ namespace, name }: Named): string {
  return namespace === "" ? name : `${namespace}/${name}`;
}
