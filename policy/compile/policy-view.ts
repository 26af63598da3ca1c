import { type NamedPort, portsNamed } from "#policy/model/identity.ts";
import { protocolNumbers } from "#policy/model/protocol.ts";
import {
  ADMIN_PRECEDENCE,
  type Direction,
  FREE_PRECEDENCE,
  NORMAL_PRECEDENCE,
  type Peer,
  type PodMatch,
  type Rule,
  actionOf,
} from "#policy/model/rule.ts";
import type { EntryDecision, EntryTemplate } from "./entry.ts";
import type { PeerIndex, PeerKind } from "./peer-index.ts";
import { type PortClaim, type PortDecision, decidePorts, stackDecisions } from "./port-map.ts";
import { type NamedPortMatch, resolvePorts } from "./rule-ports.ts";
import type { RuleSets } from "./rule-sets.ts";

/** What all views of an engine share. */
export interface Shared {
  readonly peers: PeerIndex;
  readonly sets: RuleSets;
}

/** The rules of a subject, and what holds beside them. */
export interface ViewContent {
  readonly rules: readonly Rule[];
  readonly selects: Readonly<Record<Direction, boolean>>;
  /** See {@link Policy.requires}. */
  readonly requires: Readonly<Record<Direction, readonly PodMatch[]>>;
  /** The subject's own table. */
  readonly namedPorts: readonly NamedPort[];
}

/** All that rules of one direction say about one matcher. */
interface Share {
  readonly claims: PortClaim[];
  /** Claims on ports that the peer's own table resolves. */
  readonly names: NamedClaim[];
}

interface NamedClaim extends Omit<PortClaim, "key"> {
  readonly match: NamedPortMatch;
}

type Shares = Readonly<Record<Direction, Share>>;

/** Any pod, and nobody else: only pods have tables of named ports. */
const EVERY_POD: Peer = { kind: "pods", namespaces: { kind: "labels", selector: [] }, labels: [] };

const DIRECTIONS: readonly Direction[] = ["ingress", "egress"];

/** Rules that apply together, filed by the peers that they are about. */
export class PolicyView {
  readonly selects: Readonly<Record<Direction, boolean>>;
  readonly #shared: Shared;
  readonly #any = emptyShares();
  readonly #shares = new Map<number, Shares>();
  readonly #passes = { ingress: false, egress: false };
  /** Directions in which all passes that no rule denies: there an allow has no end. */
  readonly #free: Record<Direction, boolean>;
  #usesPeerNames = false;
  readonly #byKind = new WeakMap<PeerKind, readonly EntryTemplate[]>();
  readonly #byMatchers = new Map<string, readonly EntryTemplate[]>();
  #anyTemplates: readonly EntryTemplate[] | null = null;

  constructor({ rules, selects, requires, namedPorts }: ViewContent, shared: Shared) {
    this.selects = selects;
    this.#shared = shared;
    this.#free = { ingress: !selects.ingress, egress: !selects.egress };
    for (const rule of rules) {
      // The last tier is for whom no policy isolates.
      if (selects[rule.direction] && rule.precedence < NORMAL_PRECEDENCE) continue;
      if (rule.precedence < NORMAL_PRECEDENCE) this.#free[rule.direction] = false;
      if (rule.action === "pass" && rule.precedence >= ADMIN_PRECEDENCE) this.#passes[rule.direction] = true;
      this.#file(rule, narrow(rule, requires[rule.direction]), namedPorts);
    }
  }

  /** Numbers of the matchers that its rules name. */
  get matchers(): Iterable<number> {
    return this.#shares.keys();
  }

  /** What holds for every peer. */
  anyPeer(): readonly EntryTemplate[] {
    return (this.#anyTemplates ??= this.#decide([this.#any], [], true));
  }

  /** What holds for these peers in particular. */
  peerOf(kind: PeerKind): readonly EntryTemplate[] {
    const known = this.#byKind.get(kind);
    if (known) return known;
    const matchers = kind.matchers.filter((matcher) => this.#shares.has(matcher));
    const key = this.#usesPeerNames ? `${matchers.join(",")}|${kind.namedPortsText}` : matchers.join(",");
    let templates = this.#byMatchers.get(key);
    if (!templates) {
      const shares = matchers.map((matcher) => this.#shares.get(matcher) as Shares);
      templates = this.#decide(shares, kind.namedPorts, false);
      this.#byMatchers.set(key, templates);
    }
    this.#byKind.set(kind, templates);
    return templates;
  }

  #file(rule: Rule, peers: readonly Peer[] | null, namedPorts: readonly NamedPort[]): void {
    const { direction, precedence } = rule;
    const origin = { rule: this.#shared.sets.numberOf(rule), precedence };
    const { keys, names } = resolvePorts(rule, namedPorts);
    const claims = keys.map((key): PortClaim => ({ key, ...origin }));
    if (peers === null) {
      for (const claim of claims) this.#any[direction].claims.push(claim);
      // Its numbered ports are not said again for every pod.
      if (names.length > 0) this.#share(EVERY_POD, direction, [], names, origin);
    }
    for (const peer of peers ?? []) this.#share(peer, direction, claims, names, origin);
  }

  #share(
    peer: Peer,
    direction: Direction,
    claims: readonly PortClaim[],
    names: readonly NamedPortMatch[],
    origin: Omit<PortClaim, "key">,
  ): void {
    const matcher = this.#shared.peers.matcher(peer);
    let shares = this.#shares.get(matcher);
    if (!shares) this.#shares.set(matcher, (shares = emptyShares()));
    for (const claim of claims) shares[direction].claims.push(claim);
    for (const match of names) shares[direction].names.push({ match, ...origin });
    if (names.length > 0) this.#usesPeerNames = true;
  }

  #decide(shares: readonly Shares[], namedPorts: readonly NamedPort[], anyPeer: boolean): EntryTemplate[] {
    const templates: EntryTemplate[] = [];
    for (const direction of DIRECTIONS) {
      const claims: PortClaim[] = [];
      for (const { [direction]: share } of shares) {
        for (const claim of share.claims) claims.push(claim);
        for (const claim of share.names) claims.push(...resolveName(claim, namedPorts));
      }
      const fallback = anyPeer && !this.selects[direction] ? FREE_PRECEDENCE : null;
      const isFree = this.#free[direction];
      const decisions = decidePorts(claims, this.#shared.sets, fallback);
      if (!this.#passes[direction]) {
        for (const decision of decisions) templates.push(toTemplate(direction, decision, null, isFree));
        continue;
      }
      const below = claims.filter(({ precedence }) => precedence < ADMIN_PRECEDENCE);
      for (const { key, upper, lower } of stackDecisions(decisions, decidePorts(below, this.#shared.sets, fallback))) {
        templates.push(toTemplate(direction, { ...upper, key }, lower, isFree));
      }
    }
    return templates;
  }
}

/** The peers that a rule is filed under, apart from "anybody". */
export function filedPeers(rule: Rule): readonly Peer[] {
  if (rule.peers) return rule.peers;
  return rule.direction === "egress" && rule.ports?.some(({ kind }) => kind === "name") ? [EVERY_POD] : [];
}

/** A rule's peers, where its pods must meet the requirements of other rules, too. */
function narrow({ isNarrowed, peers }: Rule, requires: readonly PodMatch[]): readonly Peer[] | null {
  if (!isNarrowed || requires.length === 0 || !peers) return peers;
  return peers.map((peer) => (peer.kind === "pods" ? { ...peer, also: requires } : peer));
}

function emptyShares(): Shares {
  return { ingress: { claims: [], names: [] }, egress: { claims: [], names: [] } };
}

function resolveName({ match, ...origin }: NamedClaim, namedPorts: readonly NamedPort[]): PortClaim[] {
  const protocol = protocolNumbers[match.protocol];
  const ports = portsNamed(namedPorts, match.name, match.protocol);
  return ports.map((port) => ({ key: { protocol, port, bits: 16 }, ...origin }));
}

function toTemplate(
  direction: Direction,
  decision: PortDecision,
  below: PortDecision | null,
  isFree: boolean,
): EntryTemplate {
  const { protocol, port, bits } = decision.key;
  return {
    direction,
    protocol,
    port,
    portBits: bits,
    ...toDecision(decision, isFree),
    below: below && toDecision(below, isFree),
  };
}

function toDecision({ precedence, set }: PortDecision, isFree: boolean): EntryDecision {
  const { rules, limit } = set;
  const verdict = actionOf(precedence);
  const isNormal = precedence >= NORMAL_PRECEDENCE && precedence < ADMIN_PRECEDENCE;
  const notAfter = isFree && isNormal && verdict === "allow" ? null : set.notAfter;
  return { verdict, precedence, rules, notAfter, limit };
}
