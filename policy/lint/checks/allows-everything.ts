import type { LintContext } from "../context.ts";
import { type Finding, finding } from "../finding.ts";
import type { LintedRule } from "../linted-policy.ts";
import { isEverybody, isWholeWorld, isWide } from "../relations/everybody.ts";

/** Rules that open everything: any peer and port, every port to the world, or every address to pods as well. */
export function allowsEverything({ rules }: LintContext): Finding[] {
  return rules.flatMap((rule) => {
    const message = messageOf(rule);
    return message === null ? [] : [finding("allows-everything", rule.place, message)];
  });
}

function messageOf({ direction, effect, owner, parts }: LintedRule): string | null {
  if (effect !== "allow") return null;
  const open = parts.filter(({ action, ports }) => action === "allow" && ports === null);
  const toOrFrom = direction === "ingress" ? "from" : "to";
  if (open.some(({ peers }) => isEverybody(peers))) return `allows every protocol and port ${toOrFrom} everybody`;
  if (direction === "ingress" && open.some(({ peers }) => isWholeWorld(peers))) {
    return "allows every protocol and port from the whole world";
  }
  if (owner.object.kind !== "NetworkPolicy") return null;
  const wide = parts.flatMap(({ peers }) => peers ?? []).find((peer) => peer.kind === "block" && isWide(peer, "any"));
  if (wide?.kind !== "block") return null;
  return `${wide.cidr} has no exceptions: in a NetworkPolicy it means pods and nodes, too, not only the world`;
}
