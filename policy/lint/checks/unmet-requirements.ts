import type { PodMatch } from "#policy/model/rule.ts";
import type { LintContext } from "../context.ts";
import type { LintedRule } from "../linted-policy.ts";
import { canPodsMeet, podContradiction } from "../relations/pod-matches.ts";
import { contradiction } from "../relations/selectors.ts";
import { describePeer } from "../words.ts";

/** Peers that cannot meet what the rules of their own policy require of pods. */
export function unmetRequirements({ owner, direction, parts }: LintedRule, context: LintContext): string[] {
  const requires = (owner.policy?.requires[direction] ?? [])
    .filter(({ controls }) => !controls.staged && controls.notAfter === undefined)
    .map(({ pods }) => pods);
  const [part] = parts;
  if (requires.length === 0 || !part?.isNarrowed) return [];
  const field = direction === "ingress" ? "fromRequires" : "toRequires";
  return (part.peers ?? []).flatMap((peer) => {
    if (peer.kind !== "pods" || podContradiction(peer) !== "" || canMeetAll(peer, requires, context)) return [];
    return [`the peer ${describePeer(peer)} is nobody: no pod of those can meet ${field} of this policy`];
  });
}

function canMeetAll(peer: PodMatch, requires: readonly PodMatch[], { cluster }: LintContext): boolean {
  const all = [peer, ...requires];
  const areCompatible = all.every((one, i) =>
    all.slice(i + 1).every((other) => canPodsMeet(one, other, cluster.namespaces)),
  );
  return areCompatible && contradiction(all.flatMap(({ labels }) => labels)) === "";
}
