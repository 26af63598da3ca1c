import { portsNamed } from "#policy/model/identity.ts";
import type { PodObject } from "#policy/model/object.ts";
import type { PortMatch } from "#policy/model/port.ts";
import type { Peer, PodMatch, Rule } from "#policy/model/rule.ts";
import type { LintContext } from "../context.ts";
import type { LintedRule } from "../linted-policy.ts";

type Name = Extract<PortMatch, { kind: "name" }>;

const EVERY_POD: PodMatch = { kind: "pods", namespaces: { kind: "labels", selector: [] }, labels: [] };

/** Names of ports that none of the known pods has to which connections would go. */
export function unknownPortNames({ owner, parts }: LintedRule, context: LintContext): string[] {
  const messages = parts.flatMap((part) => {
    const names = Map.groupBy(
      part.ports?.filter((port): port is Name => port.kind === "name") ?? [],
      ({ name }) => name,
    );
    if (names.size === 0) return [];
    const subjects = owner.policy?.subjects;
    const pods =
      part.direction === "ingress" ? podsOf(subjects ? [subjects] : [], context) : podsOf(part.peers, context);
    const whose = part.direction === "ingress" ? "its subjects" : "its peers";
    if (pods === null) return [...names.keys()].map((name) => `a port ${name} is one of pods, and ${whose} are none`);
    return [...names].flatMap(([name, matches]) => messageOf(name, matches, pods, part));
  });
  return [...new Set(messages)];
}

/** The pods that are meant, as far as they are known; null: no pod could be. */
function podsOf(peers: readonly Peer[] | null, { cluster }: LintContext): readonly PodObject[] | null {
  if (peers?.length === 0) return [];
  const matches = (peers ?? [EVERY_POD]).flatMap((peer) => {
    if (peer.kind === "pods") return [peer];
    const couldBePods =
      peer.kind === "block" ? peer.scope === "any" : peer.kind === "entity" && peer.entity === "cluster";
    return couldBePods ? [EVERY_POD] : [];
  });
  return matches.length === 0 ? null : [...new Set(matches.flatMap((match) => cluster.podsOf(match)))];
}

function messageOf(name: string, matches: readonly Name[], pods: readonly PodObject[], part: Rule): string[] {
  const isKnown = pods.some(({ namedPorts }) =>
    matches.some(({ protocol }) => portsNamed(namedPorts, name, protocol).length > 0),
  );
  if (isKnown || pods.length === 0) return [];
  const whose = part.direction === "ingress" ? "that it governs" : "that is its peer";
  const other = pods.flatMap(({ namedPorts }) => namedPorts).find((port) => port.name === name);
  const but = other ? `; one has it of ${other.protocol}` : "";
  const protocols = matches.length === 1 ? `${matches[0]?.protocol} ` : "";
  return [`no known pod ${whose} has a ${protocols}port ${name}${but}`];
}
