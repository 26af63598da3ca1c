import { toPeer } from "#policy/compile/cilium-selector.ts";
import type { CiliumCidr, CiliumRule, CiliumService } from "#policy/model/cilium-object.ts";
import { formatNameMatch } from "#policy/model/l7.ts";
import type { ServiceObject } from "#policy/model/object.ts";
import type { Peer } from "#policy/model/rule.ts";
import { formatSelector, toSelector } from "#policy/model/selector.ts";
import type { LintContext } from "./context.ts";
import type { LintedRule } from "./linted-policy.ts";
import { describePeer } from "./words.ts";

/** One item of a rule's peers. */
export interface ListedPeer {
  readonly text: string;
  readonly peers: readonly Peer[];
  /** Why nobody is meant: no party could be, or the objects of this kind do not say who. */
  readonly lacks: "possible party" | "Service" | "EndpointSlice" | "CiliumCIDRGroup" | null;
}

/** The items of a rule's peers, as they are written. */
export function listPeers({ owner, parts, cilium }: LintedRule, context: LintContext): ListedPeer[] {
  if (cilium) return listCiliumPeers(cilium, owner.object.namespace, context);
  return (parts[0]?.peers ?? []).map((peer) => item(describePeer(peer), [peer]));
}

function listCiliumPeers(rule: CiliumRule, namespace: string, context: LintContext): ListedPeer[] {
  return [
    ...(rule.endpoints ?? []).map((selector) => {
      const peer = toPeer(selector, namespace);
      return peer ? item(describePeer(peer), [peer]) : item(formatSelector(toSelector(selector)), [], "possible party");
    }),
    ...(rule.cidrs ?? []).map((cidr) => listCidr(cidr, context)),
    ...(rule.entities ?? []).map((entity) =>
      item(`the entity ${entity}`, [], entity === "none" ? "possible party" : null),
    ),
    ...(rule.nodes ?? []).map((selector) => {
      const peer = { kind: "nodes", labels: toSelector(selector) } as const;
      return item(describePeer(peer), [peer]);
    }),
    ...(rule.services ?? []).map((service) => listService(service, context)),
    ...(rule.names ?? []).map((match) => item(`the DNS name ${formatNameMatch(match)}`, [{ kind: "names", match }])),
  ];
}

function listCidr(cidr: CiliumCidr, { references }: LintContext): ListedPeer {
  const blocks = references.cidrs(cidr).map((one): Peer => {
    return { kind: "block", cidr: one, except: cidr.except, scope: "outside" };
  });
  if (cidr.kind === "cidr") return item(cidr.cidr, blocks);
  const text = cidr.kind === "group" ? cidr.name : formatSelector(toSelector(cidr.selector)) || "of any labels";
  return item(`CIDR group ${text}`, blocks, blocks.length === 0 ? "CiliumCIDRGroup" : null);
}

function listService(wanted: CiliumService, { references }: LintContext): ListedPeer {
  const place = wanted.namespace === "" ? "" : ` of namespace ${wanted.namespace}`;
  const which = wanted.kind === "name" ? wanted.name : formatSelector(toSelector(wanted.selector)) || "of any labels";
  const text = `service ${which}${place}`;
  const services = references.services(wanted);
  if (services.length === 0) return item(text, [], "Service");
  const peers = services.flatMap((service): Peer[] => peersOfService(service, references.backends(service)));
  return item(text, peers, peers.length === 0 ? "EndpointSlice" : null);
}

function peersOfService({ namespace, selector }: ServiceObject, backends: readonly string[]): Peer[] {
  // An empty selector is none: the addresses of such a service are said by its slices.
  if (!selector || Object.keys(selector).length === 0) {
    return backends.map((address) => {
      return { kind: "block", cidr: `${address}/${address.includes(":") ? 128 : 32}`, except: [], scope: "outside" };
    });
  }
  const labels = toSelector({ matchLabels: selector, matchExpressions: [] });
  return [{ kind: "pods", namespaces: { kind: "name", name: namespace }, labels }];
}

function item(text: string, peers: readonly Peer[], lacks: ListedPeer["lacks"] = null): ListedPeer {
  return { text, peers, lacks };
}
