import type { PortMatch } from "#policy/model/port.ts";
import type { Peer } from "#policy/model/rule.ts";
import { isImpossible } from "./relations/peers.ts";
import { canPortsMeet, isPortCovered } from "./relations/ports.ts";
import type { RulePart } from "./rule-finder.ts";
import type { RuleParts } from "./rule-parts.ts";

/** A peer that a rule lists, with a port that it lists, of which another rule means all, or cuts a part off. */
export interface Pair {
  /** Null: any. */
  readonly peer: Peer | null;
  readonly port: PortMatch | null;
  readonly other: RulePart;
}

const EVERY_POD: Peer = { kind: "pods", namespaces: { kind: "labels", selector: [] }, labels: [] };

/**
 * What other rules, for all subjects of a rule, say beside it of something that it lists. Where the other rule
 * means less, on purpose it seems, than one item of the list, it is an exception from the rule, and not told.
 */
export function pairsBeside(one: RulePart, parts: RuleParts, isWanted: (other: RulePart) => boolean): Pair[] {
  const { rule, part } = one;
  const subjects = rule.owner.policy?.subjects;
  if (!subjects) return [];
  const peers: readonly (Peer | null)[] = part.peers?.filter((peer) => !isImpossible(peer)) ?? [null];
  return peers.flatMap((peer) => {
    const ports: readonly (PortMatch | null)[] = part.ports ?? [null];
    return ports.flatMap((port) => {
      const around = [...parts.around(subjects, part.direction, peer ?? EVERY_POD, port)];
      return around
        .filter((other) => isWanted(other) && (peer !== null || other.part.peers === null) && doesCut(port, other))
        .map((other): Pair => ({ peer, port, other }));
    });
  });
}

/** Whether a rule's ports contain a port or range, or cut it: hold some of it, and more than it. */
function doesCut(port: PortMatch | null, { part: { ports } }: RulePart): boolean {
  if (isPortCovered(port, [ports])) return true;
  if (port === null || port.kind === "name" || ports === null) return false;
  return ports.some(
    (other) => other.kind !== "name" && canPortsMeet([port], [other]) && !isPortCovered(other, [[port]]),
  );
}
