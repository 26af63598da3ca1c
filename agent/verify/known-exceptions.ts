import type { CiliumRule } from "#policy/model/cilium-object.ts";
import type { Flow } from "#policy/model/flow.ts";
import type { IpBlock, PolicyKindObject, PolicyObject } from "#policy/model/object.ts";
import { isInBlock, isPortNamed } from "#policy/oracle/party.ts";
import type { OracleOptions } from "#policy/oracle/question.ts";

/** A rule of egress that gives addresses a port by name. */
interface NamedAtAddresses {
  readonly names: readonly string[];
  readonly blocks: readonly IpBlock[];
  readonly language: "any" | "outside";
}

/**
 * The traffic on which datapath and specification are known to differ: an egress rule to a range of
 * addresses names a port, and the pod at the address calls a port so. The datapath knows a pod's named
 * ports by its identity only.
 */
export class KnownExceptions {
  readonly #rules: readonly NamedAtAddresses[];
  readonly #options: OracleOptions;

  constructor(policies: readonly PolicyKindObject[], references: readonly PolicyObject[], options: OracleOptions) {
    const groups = references.flatMap((object) => (object.kind === "CiliumCIDRGroup" ? object.cidrs : []));
    const ofGroups = groups.map((cidr): IpBlock => ({ cidr, except: [] }));
    const rules = policies.flatMap((policy) => egressRules(policy, ofGroups));
    this.#rules = rules.filter(({ names, blocks }) => names.length > 0 && blocks.length > 0);
    this.#options = options;
  }

  has(flow: Flow): boolean {
    const { destination } = flow;
    return this.#rules.some(
      ({ names, blocks, language }) =>
        names.some((name) => isPortNamed(flow, name)) &&
        blocks.some((block) => isInBlock(destination, block, language, this.#options)),
    );
  }
}

function egressRules(policy: PolicyKindObject, ofGroups: readonly IpBlock[]): NamedAtAddresses[] {
  switch (policy.kind) {
    case "NetworkPolicy":
      return policy.egress.map(({ peers, ports }) => ({
        names: ports.flatMap(({ port }) => (typeof port === "string" ? [port] : [])),
        blocks: peers.flatMap(({ ipBlock }) => ipBlock ?? []),
        language: "any",
      }));
    case "CiliumNetworkPolicy":
    case "CiliumClusterwideNetworkPolicy":
      return policy.specs
        .flatMap(({ egress, egressDeny }): readonly CiliumRule[] => [...egress, ...egressDeny])
        .map(({ cidrs, ports }) => ({
          names: (ports ?? []).flatMap((item) =>
            item.ports.flatMap(({ port }) => (typeof port === "string" ? port : [])),
          ),
          blocks: (cidrs ?? []).flatMap((one) => (one.kind === "cidr" ? one : ofGroups)),
          language: "outside",
        }));
    case "ClusterNetworkPolicy":
    case "AdminNetworkPolicy":
    case "BaselineAdminNetworkPolicy":
      return policy.egress.map(({ peers, ports }) => ({
        names: ports.flatMap((port) => (port.kind === "name" ? [port.name] : [])),
        blocks: peers
          .flatMap((peer) => (peer.kind === "networks" ? peer.cidrs : []))
          .map((cidr) => ({ cidr, except: [] })),
        language: "any",
      }));
  }
}
