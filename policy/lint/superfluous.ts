import { cidrContains } from "#policy/model/cidr.ts";
import type { PortMatch } from "#policy/model/port.ts";
import { RESERVED_PARTIES } from "#policy/model/reserved.ts";
import { NORMAL_PRECEDENCE, type Peer, type PodMatch, type RuleDescription } from "#policy/model/rule.ts";
import type { LintContext } from "./context.ts";
import type { LintedRule } from "./linted-policy.ts";
import { Order } from "./order.ts";
import { atomsOf, toCidr } from "./relations/blocks.ts";
import { isImpossible } from "./relations/peers.ts";
import { type Ports, hasName, isPortCovered, resolveNames } from "./relations/ports.ts";
import type { AddressPiece, RulePart } from "./rule-finder.ts";
import { RuleParts } from "./rule-parts.ts";

/** Why a rule could be left out. */
export interface Superfluous {
  readonly rule: LintedRule;
  /** All its traffic is decided before it is asked; else some of it is decided in the same way without it. */
  readonly isNeverAsked: boolean;
  readonly because: readonly RulePart[];
  /** Isolation that keeps a rule from being asked, in place of other rules. */
  readonly isolation: readonly RuleDescription[];
  /** It is so for the pods that are known, and their ports' names; else whatever pods there are. */
  readonly dependsOnPods: boolean;
}

type Reason = Omit<Superfluous, "rule">;

const EVERY_POD: PodMatch = { kind: "pods", namespaces: { kind: "labels", selector: [] }, labels: [] };
const RESERVED: readonly Peer[] = RESERVED_PARTIES.map((entity) => ({ kind: "entity", entity }));
const EVERYBODY: readonly Peer[] = [EVERY_POD, ...RESERVED];
const CLUSTER = EVERYBODY.filter((peer) => peer.kind !== "entity" || peer.entity !== "world");
const MOST_RANGES = 64;
const MOST_PARTS = 16;

/**
 * Finds rules that change nothing. All that are found can be left out together: a rule
 * that was found superfluous is no reason for another one.
 */
export class SuperfluousRules {
  readonly found: readonly Superfluous[];
  readonly #context: LintContext;
  readonly #parts: RuleParts;
  readonly #order: Order;
  readonly #gone = new Set<LintedRule>();

  constructor(context: LintContext, parts: RuleParts) {
    this.#context = context;
    this.#parts = parts;
    this.#order = new Order(context, this.#gone);
    const found: Superfluous[] = [];
    // The last one goes first: of two that say the same, the first one stays.
    for (const rule of context.rules.toReversed()) {
      const reason = this.#reasonOf(rule);
      if (!reason) continue;
      this.#gone.add(rule);
      found.push({ rule, ...reason });
    }
    this.found = found.reverse();
  }

  #reasonOf(rule: LintedRule): Reason | null {
    const { parts, cilium } = rule;
    // What it requires counts beside what it allows.
    if (parts.length === 0 || (cilium?.requires.length ?? 0) > 0) return null;
    if (parts.some(({ controls }) => controls.staged)) return null;
    const reasons: Reason[] = [];
    for (const part of parts) {
      const reason = this.#reasonOfPart({ rule, part });
      if (!reason) return null;
      reasons.push(reason);
    }
    return join(reasons);
  }

  #reasonOfPart(one: RulePart): Reason | null {
    const { part } = one;
    const isolation = this.#isolationBefore(one);
    if (isolation.length > 0) return { isNeverAsked: true, because: [], isolation, dependsOnPods: false };
    const reasons: Reason[] = [];
    for (const peer of peersOf(part.peers)) {
      for (const piece of this.#pieces(one, peer)) {
        for (const port of part.ports ?? [null]) {
          if (port?.kind === "name" && part.direction === "egress" && !couldBePod(piece)) continue;
          const reason = this.#reasonOfTraffic(one, piece, port);
          if (!reason) return null;
          reasons.push(reason);
        }
      }
    }
    return reasons.length === 0 ? null : join(reasons);
  }

  /** Policies that isolate all subjects of a rule of the last tier, which then is never asked. */
  #isolationBefore({ rule, part }: RulePart): RuleDescription[] {
    if (part.precedence >= NORMAL_PRECEDENCE || !rule.owner.policy) return [];
    const groups = this.#context.subjects.around(rule.owner.policy.subjects);
    const isolating = groups
      .flatMap(({ policies }) => policies)
      .filter(({ policy }) => policy && !policy.isStaged && policy.isolates[part.direction]);
    return isolating.slice(0, 1).map(({ place }) => ({ ...place, rule: place.rule || part.direction }));
  }

  /** A peer in pieces that other rules match as a whole or not at all, as far as that is cheap. */
  *#pieces({ rule, part }: RulePart, peer: Peer): Generator<Peer | AddressPiece> {
    const subjects = rule.owner.policy?.subjects;
    if (peer.kind !== "block" || !subjects) {
      yield* peer.kind === "pods" ? splitValues(peer) : [peer];
      return;
    }
    const inside = this.#parts.inside(subjects, part.direction, peer, MOST_RANGES);
    const range = toCidr(peer.cidr);
    const others = (inside ?? []).filter((other) => other.bits > range.bits && cidrContains(range, other));
    if (!inside || others.length === 0) return yield peer;
    for (const atom of atomsOf(peer, others)) yield { kind: "addresses", atom, block: peer };
  }

  #reasonOfTraffic(one: RulePart, piece: Peer | AddressPiece, port: PortMatch | null): Reason | null {
    const subjects = one.rule.owner.policy?.subjects;
    if (!subjects) return null;
    const traffic = { piece, ports: port && [port] };
    const around = this.#parts.around(subjects, one.part.direction, piece, port);
    const others = [...around].filter(({ rule }) => rule !== one.rule && !this.#gone.has(rule));
    const { first, same } = this.#order.relations(one, others, traffic);
    const all = [...first, ...same];
    for (const [others, isNeverAsked] of [[first, true] as const, [all, false] as const]) {
      if (others.length === 0) continue;
      const because = reasonsFor(port, others, (ports) => ports);
      if (because) return { isNeverAsked, because, isolation: [], dependsOnPods: false };
    }
    return this.#reasonByNames(one, piece, port, all);
  }

  /** As the pods that are known call their ports. */
  #reasonByNames(
    one: RulePart,
    piece: Peer | AddressPiece,
    port: PortMatch | null,
    others: readonly RulePart[],
  ): Reason | null {
    if (port === null || !(port.kind === "name" || others.some(({ part }) => hasName(part.ports)))) return null;
    const listening = one.part.direction === "ingress" ? one.rule.owner.policy?.subjects : piece;
    const pods = listening?.kind === "pods" ? this.#context.cluster.podsOf(listening) : [];
    if (pods.length === 0) return null;
    const tables = new Map(pods.map(({ namedPorts }) => [JSON.stringify(namedPorts), namedPorts]));
    const because = new Set<RulePart>();
    for (const table of tables.values()) {
      for (const number of resolveNames([port], table) ?? []) {
        const reasons = reasonsFor(number, others, (ports) => resolveNames(ports, table));
        if (!reasons) return null;
        for (const reason of reasons) because.add(reason);
      }
    }
    return because.size === 0
      ? null
      : { isNeverAsked: false, because: [...because], isolation: [], dependsOnPods: true };
  }
}

/** Those that together match a port: one, if one is enough. */
function reasonsFor(
  port: PortMatch | null,
  others: readonly RulePart[],
  read: (ports: Ports) => Ports,
): readonly RulePart[] | null {
  const alone = others.find(({ part }) => isPortCovered(port, [read(part.ports)]));
  if (alone) return [alone];
  return isPortCovered(
    port,
    others.map(({ part }) => read(part.ports)),
  )
    ? others
    : null;
}

/** Peers that are somebody, in pieces that can be told apart. */
function peersOf(peers: readonly Peer[] | null): readonly Peer[] {
  if (peers === null) return EVERYBODY;
  return peers
    .filter((peer) => !isImpossible(peer))
    .flatMap((peer) => (peer.kind === "entity" && peer.entity === "cluster" ? CLUSTER : [peer]));
}

/** One match for each value that a label may have, where there are not too many of them. */
function splitValues(match: PodMatch): PodMatch[] {
  let parts: PodMatch["labels"][] = [[]];
  for (const requirement of match.labels) {
    const { key, operator, values } = requirement;
    const isSplit = operator === "In" && values.length > 1 && values.length * parts.length <= MOST_PARTS;
    const ways = isSplit ? values.map((value) => ({ key, operator, values: [value] })) : [requirement];
    parts = parts.flatMap((part) => ways.map((way) => [...part, way]));
  }
  return parts.map((labels) => ({ ...match, labels }));
}

function couldBePod(piece: Peer | AddressPiece): boolean {
  if (piece.kind === "addresses") return piece.block.scope === "any";
  return piece.kind === "pods" || (piece.kind === "block" && piece.scope === "any");
}

function join(reasons: readonly Reason[]): Reason {
  return {
    isNeverAsked: reasons.every(({ isNeverAsked }) => isNeverAsked),
    because: [...new Set(reasons.flatMap(({ because }) => because))],
    isolation: reasons.flatMap(({ isolation }) => isolation),
    dependsOnPods: reasons.some(({ dependsOnPods }) => dependsOnPods),
  };
}
