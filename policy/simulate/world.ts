import { type CidrMatchesPods, Conversion } from "#policy/compile/conversion.ts";
import { addressTokens } from "#policy/compile/address-match.ts";
import { policiesOf } from "#policy/compile/policies.ts";
import { live } from "#policy/compile/policy-table.ts";
import { addressBook } from "#policy/explain/address-book.ts";
import type { AddressToken } from "#policy/model/address-token.ts";
import type { Party } from "#policy/model/flow.ts";
import { formatNameMatch } from "#policy/model/l7.ts";
import { Namespaces } from "#policy/model/namespaces.ts";
import { type NodeObject, type PodObject, type PolicyObject, objectKey } from "#policy/model/object.ts";
import type { Peer, Policy } from "#policy/model/rule.ts";

export interface WorldOptions {
  readonly cidrMatchesPods?: CidrMatchesPods;
  /** Milliseconds since 1970: rules that have ended by then do not count. Missing: none has. */
  readonly at?: number;
}

/** One set of objects, as far as traffic depends on it. */
export class World {
  /** In one order, whatever the order in which they came; of two with one name the later one. */
  readonly objects: readonly PolicyObject[];
  readonly namespaces: Namespaces;
  readonly policies: readonly Policy[];
  /** By `NAMESPACE/NAME`; also those that have the node's network. */
  readonly pods: ReadonlyMap<string, PodObject>;
  readonly nodes: ReadonlyMap<string, NodeObject>;
  /** Who has the addresses of nodes and of the API server. */
  readonly book: ReadonlyMap<string, Party>;
  /** What rules say of addresses. */
  readonly tokens: ReadonlySet<AddressToken>;
  /** The DNS names and patterns that rules speak of. */
  readonly names: ReadonlySet<string>;

  constructor(objects: Iterable<PolicyObject>, { cidrMatchesPods, at }: WorldOptions = {}) {
    const byKey = new Map([...objects].map((object) => [objectKey(object), object]));
    this.objects = [...byKey.keys()].sort().map((key) => byKey.get(key) as PolicyObject);
    this.namespaces = new Namespaces(this.objects);
    this.policies = policiesOf(this.objects, new Conversion(cidrMatchesPods)).map((one) => live(one, at ?? null));
    const pods = this.objects.filter((object) => object.kind === "Pod");
    this.pods = new Map(pods.map((pod) => [`${pod.namespace}/${pod.name}`, pod]));
    const nodes = this.objects.filter((object) => object.kind === "Node");
    this.nodes = new Map(nodes.map((node) => [node.name, node]));
    this.book = addressBook(this.objects);
    const peers = [...this.peers()];
    this.tokens = new Set(peers.flatMap(addressTokens));
    this.names = new Set(peers.flatMap((peer) => (peer.kind === "names" ? formatNameMatch(peer.match) : [])));
  }

  /** Those that rules name. */
  *peers(): Generator<Peer> {
    for (const { rules } of this.policies) for (const { peers } of rules) if (peers) yield* peers;
  }
}
