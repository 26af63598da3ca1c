import type { AddressToken } from "#policy/model/address-token.ts";
import { type NamedPort, portsNamed } from "#policy/model/identity.ts";
import { objectKey } from "#policy/model/object.ts";
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
import type { AddressMatch, AddressMatches } from "./address-match.ts";
import type { IdentityPeer, PeerIndex, PeerKind } from "./peer-index.ts";
import { type PortClaim, type PortDecision, decidePorts, stackDecisions } from "./port-map.ts";
import { type NamedPortMatch, resolvePorts } from "./rule-ports.ts";
import type { RuleSets } from "./rule-sets.ts";

/** What all views of an engine share. */
export interface Shared {
  readonly peers: PeerIndex;
  readonly addresses: AddressMatches;
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

/** All that rules of one direction say about one matcher, or one match of addresses. */
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
const EVERY_POD: PodMatch = { kind: "pods", namespaces: { kind: "labels", selector: [] }, labels: [] };

const DIRECTIONS: readonly Direction[] = ["ingress", "egress"];

/** Rules that apply together, filed by the peers that they are about. */
export class PolicyView {
  readonly selects: Readonly<Record<Direction, boolean>>;
  readonly #shared: Shared;
  readonly #any = emptyShares();
  readonly #shares = new Map<number, Shares>();
  readonly #byToken = new Map<AddressToken, Map<AddressMatch, Shares>>();
  /** How many claims there are by each token. */
  readonly #weights = new Map<AddressToken, number>();
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

  /** All without which none of its rules about addresses means a class. */
  get tokens(): Iterable<AddressToken> {
    return this.#byToken.keys();
  }

  /** How often a claim of a rule is to be compared with a class of addresses: known before any is. */
  get comparisons(): number {
    let sum = 0;
    for (const [token, weight] of this.#weights) sum += weight * this.#shared.peers.kindsWith(token);
    return sum;
  }

  /** The policy that asks for most of the {@link comparisons}, and for how many; null: none does. */
  heaviest(): { readonly policy: Rule["description"]; readonly comparisons: number } | null {
    const sums = new Map<string, { policy: Rule["description"]; comparisons: number }>();
    for (const [token, matches] of this.#byToken) {
      const kinds = this.#shared.peers.kindsWith(token);
      for (const shares of matches.values()) {
        for (const { rule } of DIRECTIONS.flatMap((direction) => [
          ...shares[direction].claims,
          ...shares[direction].names,
        ])) {
          const policy = this.#shared.sets.rule(rule).description;
          const sum = sums.get(objectKey(policy)) ?? { policy, comparisons: 0 };
          sum.comparisons += kinds;
          sums.set(objectKey(policy), sum);
        }
      }
    }
    return [...sums.values()].sort((a, b) => b.comparisons - a.comparisons)[0] ?? null;
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
    const matches = this.#matchesOf(kind.tokens);
    const held = `${matchers.join(",")} ${matches.map(({ number }) => number).join(",")}`;
    const key = this.#usesPeerNames ? `${held}|${kind.namedPortsText}` : held;
    let templates = this.#byMatchers.get(key);
    if (!templates) {
      const shares = [
        ...matchers.map((matcher) => this.#shares.get(matcher) as Shares),
        ...matches.map((match) => this.#byToken.get(match.token)?.get(match) as Shares),
      ];
      templates = this.#decide(shares, kind.namedPorts, false);
      this.#byMatchers.set(key, templates);
    }
    this.#byKind.set(kind, templates);
    return templates;
  }

  #matchesOf(tokens: ReadonlySet<AddressToken>): AddressMatch[] {
    const found: AddressMatch[] = [];
    for (const token of tokens) {
      for (const match of this.#byToken.get(token)?.keys() ?? []) if (match.holds(tokens)) found.push(match);
    }
    return found;
  }

  #file(rule: Rule, peers: readonly IdentityPeer[] | null, namedPorts: readonly NamedPort[]): void {
    const { direction, precedence } = rule;
    const origin = { rule: this.#shared.sets.numberOf(rule), precedence };
    const { keys, names } = resolvePorts(rule, namedPorts);
    const claims = keys.map((key): PortClaim => ({ key, ...origin }));
    if (peers === null) {
      for (const claim of claims) this.#any[direction].claims.push(claim);
      // Its numbered ports are not said again for every pod.
      if (names.length > 0) this.#add(this.#sharesOf(EVERY_POD), direction, [], names, origin);
    }
    for (const peer of peers ?? []) this.#add(this.#sharesOf(peer), direction, claims, names, origin);
    for (const match of rule.peers ? this.#shared.addresses.of(rule.peers) : []) {
      const { token } = match;
      this.#add(this.#sharesAt(match), direction, claims, names, origin);
      this.#weights.set(token, (this.#weights.get(token) ?? 0) + claims.length + names.length);
    }
  }

  #sharesOf(peer: IdentityPeer): Shares {
    const matcher = this.#shared.peers.matcher(peer);
    let shares = this.#shares.get(matcher);
    if (!shares) this.#shares.set(matcher, (shares = emptyShares()));
    return shares;
  }

  #sharesAt(match: AddressMatch): Shares {
    let matches = this.#byToken.get(match.token);
    if (!matches) this.#byToken.set(match.token, (matches = new Map()));
    let shares = matches.get(match);
    if (!shares) matches.set(match, (shares = emptyShares()));
    return shares;
  }

  #add(
    shares: Shares,
    direction: Direction,
    claims: readonly PortClaim[],
    names: readonly NamedPortMatch[],
    origin: Omit<PortClaim, "key">,
  ): void {
    for (const claim of claims) shares[direction].claims.push(claim);
    for (const match of names) shares[direction].names.push({ match, ...origin });
    if (names.length > 0) this.#usesPeerNames = true;
  }

  #decide(shares: readonly Shares[], namedPorts: readonly NamedPort[], anyPeer: boolean): EntryTemplate[] {
    const templates: EntryTemplate[] = [];
    for (const direction of DIRECTIONS) {
      const claims = claimsOf(shares, direction, namedPorts);
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

/** The peers that a rule is filed under, apart from "anybody" and from what it says of addresses. */
export function filedPeers(rule: Rule): readonly IdentityPeer[] {
  if (rule.peers) return rule.peers.filter(isIdentityPeer);
  return rule.direction === "egress" && rule.ports?.some(({ kind }) => kind === "name") ? [EVERY_POD] : [];
}

/** A rule's peers but those about addresses, where its pods must meet the requirements of other rules, too. */
function narrow({ isNarrowed, peers }: Rule, requires: readonly PodMatch[]): readonly IdentityPeer[] | null {
  const own = peers && peers.filter(isIdentityPeer);
  if (!isNarrowed || requires.length === 0 || !own) return own;
  return own.map((peer) => (peer.kind === "pods" ? { ...peer, also: requires } : peer));
}

function isIdentityPeer(peer: Peer): peer is IdentityPeer {
  return peer.kind !== "block" && peer.kind !== "names";
}

function emptyShares(): Shares {
  return { ingress: { claims: [], names: [] }, egress: { claims: [], names: [] } };
}

function claimsOf(
  shares: readonly Shares[],
  direction: Direction,
  namedPorts: readonly NamedPort[],
): readonly PortClaim[] {
  const [first] = shares;
  if (first && shares.length === 1 && first[direction].names.length === 0) return first[direction].claims;
  const claims: PortClaim[] = [];
  for (const { [direction]: share } of shares) {
    for (const claim of share.claims) claims.push(claim);
    for (const name of share.names) for (const claim of resolveName(name, namedPorts)) claims.push(claim);
  }
  return claims;
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
  const { verdict, precedence, rules, isPlain, failsOpen, notAfter, limit } = toDecision(decision, isFree);
  return {
    direction,
    protocol,
    port,
    portBits: bits,
    verdict,
    precedence,
    rules,
    isPlain,
    failsOpen,
    notAfter,
    limit,
    below: below && toDecision(below, isFree),
  };
}

function toDecision({ precedence, set, plain }: PortDecision, isFree: boolean): EntryDecision {
  const { rules, limit } = set;
  const verdict = actionOf(precedence);
  const isNormal = precedence >= NORMAL_PRECEDENCE && precedence < ADMIN_PRECEDENCE;
  const isPlain = verdict === "redirect" && plain.rules.length > 0;
  const own = isFree && isNormal && verdict === "allow" ? null : set.notAfter;
  const notAfter = isPlain ? earlier(own, plain.notAfter) : own;
  const failsOpen = verdict === "redirect" && set.failsOpen;
  return { verdict, precedence, rules, isPlain, failsOpen, notAfter, limit };
}

/** Of two ends, the first to come; null: there is none. */
function earlier(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}
