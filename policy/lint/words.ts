import { formatNameMatch } from "#policy/model/l7.ts";
import type { PortMatch } from "#policy/model/port.ts";
import type { NamespaceMatch, Peer, RuleDescription } from "#policy/model/rule.ts";
import { formatSelector } from "#policy/model/selector.ts";

/** Those that a peer of a rule means, or whom a policy governs. */
export function describePeer(peer: Peer): string {
  switch (peer.kind) {
    case "pods": {
      const labels = formatSelector(peer.labels);
      const account = peer.account ? ` with ${formatSelector(peer.account)}` : "";
      return `${labels === "" ? "pods" : `pods ${labels}`}${account} of ${describeNamespaces(peer.namespaces)}`;
    }
    case "block":
      return peer.except.length > 0 ? `${peer.cidr} except ${peer.except.join(", ")}` : peer.cidr;
    case "entity":
      return `the entity ${peer.entity}`;
    case "nodes":
      return peer.labels.length > 0 ? `nodes ${formatSelector(peer.labels)}` : "nodes";
    case "names":
      return `the DNS name ${formatNameMatch(peer.match)}`;
  }
}

export function describeNamespaces(match: NamespaceMatch): string {
  if (match.kind === "name") return `namespace ${match.name}`;
  return match.selector.length > 0 ? `namespaces ${formatSelector(match.selector)}` : "any namespace";
}

/** `TCP 80`, `UDP 1000-2000`, `TCP http`, `all of SCTP` */
export function describePort(match: PortMatch): string {
  if (match.kind === "all") return `all of ${match.protocol}`;
  if (match.kind === "name") return `${match.protocol} ${match.name}`;
  const { protocol, first, last } = match;
  return first === last ? `${protocol} ${first}` : `${protocol} ${first}-${last}`;
}

/** `NetworkPolicy shop/web ingress[0]` */
export function describeRule({ kind, namespace, name, rule }: RuleDescription): string {
  return `${kind} ${namespace === "" ? name : `${namespace}/${name}`}${rule === "" ? "" : ` ${rule}`}`;
}

/** Some rules by name; of many, how many there are more. */
export function describeRules(rules: readonly RuleDescription[]): string {
  const [first, second, ...others] = rules.map(describeRule);
  if (first === undefined) return "no rule";
  if (second === undefined) return first;
  if (others.length === 0) return `${first} and ${second}`;
  return `${first}, ${second} and ${others.length} more`;
}
