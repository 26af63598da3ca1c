import type { CiliumRule } from "#policy/model/cilium-object.ts";
import type { LintedRule } from "../linted-policy.ts";

/** Rules, or items of their ports, that match nothing because of what they leave out. */
export function saysNothing(rule: LintedRule): string[] {
  const { owner, direction, parts, cilium } = rule;
  if (cilium) return [...emptyPeers(cilium, rule), ...emptyPorts(cilium), ...unreadNames(cilium)];
  if (owner.object.kind !== "NetworkPolicy" || parts.length > 0) return [];
  const type = direction === "ingress" ? "Ingress" : "Egress";
  return [`${type} is not among policyTypes, so the rule does not count`];
}

function emptyPeers(cilium: CiliumRule, rule: LintedRule): string[] {
  const { endpoints, cidrs, entities, nodes, services, names, ports, icmps, requires } = cilium;
  const peers = endpoints ?? cidrs ?? entities ?? nodes ?? services ?? names;
  if (peers?.length === 0) return [`its list of peers is empty, which is nobody${hint(rule)}`];
  const isEmpty = !peers && !ports && !icmps;
  // Alone in its section such a rule is the way to say that nothing is allowed.
  if (!isEmpty || requires.length > 0 || isAlone(rule)) return [];
  return ["it has neither peers nor ports, which matches nothing"];
}

function emptyPorts({ ports }: CiliumRule): string[] {
  return (ports ?? []).flatMap((item, i) => (item.ports.length === 0 ? [`toPorts[${i}] has no ports`] : []));
}

/** The proxy reads server names of TLS on TCP alone; QUIC's are not read. */
function unreadNames({ ports }: CiliumRule): string[] {
  return (ports ?? []).flatMap((item, i) => {
    const unread = item.ports.filter(({ protocol }) => protocol === "UDP" || protocol === "SCTP");
    if (item.serverNames.length === 0 || unread.length === 0) return [];
    const which = unread.map(({ protocol, port }) => `${protocol} ${port}`).join(", ");
    return [
      `toPorts[${i}] asks for serverNames on ${which}: they are read of TLS on TCP only, so nothing there passes by it`,
    ];
  });
}

function hint(rule: LintedRule): string {
  return isAlone(rule) ? "; where only isolation is meant, {} says so" : "";
}

/** The only rule of its direction, and by that what isolates. */
function isAlone({ owner, direction, effect }: LintedRule): boolean {
  const others = owner.rules.filter((other) => other.direction === direction);
  return others.length === 1 && effect === "allow" && owner.spec?.defaultDeny[direction] === true;
}
