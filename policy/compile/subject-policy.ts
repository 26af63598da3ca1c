import { type NamedPort, type Subject, formatNamedPorts, portsNamed } from "#policy/model/identity.ts";
import { type PortMatch, portPrefixes } from "#policy/model/port.ts";
import { ANY_PROTOCOL, protocolNumbers } from "#policy/model/protocol.ts";
import {
  type Action,
  DEFAULT_PRECEDENCE,
  type Direction,
  type Peer,
  type Policy,
  type Rule,
  actionOf,
  rulePrecedence,
} from "#policy/model/rule.ts";
import type { PeerIndex, PeerKind } from "./peer-index.ts";
import { type PortClaim, type PortKey, decidePorts } from "./port-map.ts";
import type { RuleSets } from "./rule-sets.ts";

/** An entry of a policy map without its peer. */
export interface EntryTemplate {
  readonly direction: Direction;
  readonly protocol: number;
  readonly port: number;
  readonly portBits: number;
  readonly verdict: Action;
  readonly precedence: number;
  readonly rules: readonly Rule[];
}

interface SelectingPolicy {
  readonly number: number;
  readonly policy: Policy;
}

/** What the subject policies of an engine share. */
export interface Shared {
  readonly peers: PeerIndex;
  readonly sets: RuleSets;
  /** Isolate pods that no policy selects, too. */
  readonly always: boolean;
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

type NamedPortMatch = PortMatch & { readonly kind: "name" };
type Shares = Readonly<Record<Direction, Share>>;

/** Any pod, and nobody else: only pods have tables of named ports. */
const EVERY_POD: Peer = { kind: "pods", namespaces: { kind: "labels", selector: [] }, labels: [] };

const DIRECTIONS: readonly Direction[] = ["ingress", "egress"];

/** The policy of all subjects that the same policies select: its rules, filed by the peers that they are about. */
export class SubjectPolicy {
  readonly key: string;
  readonly selects: Readonly<Record<Direction, boolean>>;
  readonly #sets: RuleSets;
  readonly #any = emptyShares();
  readonly #shares = new Map<number, Shares>();
  #usesPeerNames = false;
  readonly #byKind = new WeakMap<PeerKind, readonly EntryTemplate[]>();
  readonly #byMatchers = new Map<string, readonly EntryTemplate[]>();
  #anyTemplates: readonly EntryTemplate[] | null = null;

  /** Names the policy of a subject: by what selects it, and by its ports where a rule names one of them. */
  static keyOf(selecting: readonly SelectingPolicy[], subject: Subject): string {
    const key = selecting.map(({ number }) => number).join(",");
    const named = selecting.some(({ policy }) => policy.rules.some(resolvesOnSubject));
    return named ? `${key}|${formatNamedPorts(subject.namedPorts)}` : key;
  }

  /** The matchers of a rule; null stands for any peer. */
  static matchersOf(rule: Rule, peers: PeerIndex): (number | null)[] {
    if (rule.peers) return rule.peers.map((peer) => peers.matcher(peer));
    return rule.direction === "egress" && rule.ports?.some(({ kind }) => kind === "name")
      ? [null, peers.matcher(EVERY_POD)]
      : [null];
  }

  constructor(key: string, selecting: readonly SelectingPolicy[], subject: Subject, shared: Shared) {
    this.key = key;
    this.#sets = shared.sets;
    const isolates = (direction: Direction): boolean =>
      shared.always || selecting.some(({ policy }) => policy.isolates[direction]);
    this.selects = { ingress: isolates("ingress"), egress: isolates("egress") };
    for (const { policy } of selecting) {
      for (const rule of policy.rules) this.#file(rule, subject, shared);
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

  #file(rule: Rule, subject: Subject, shared: Shared): void {
    const origin = { rule: shared.sets.numberOf(rule), precedence: rulePrecedence(rule) };
    const { keys, names } = resolvePorts(rule, subject);
    const claims = keys.map((key): PortClaim => ({ key, ...origin }));
    for (const matcher of SubjectPolicy.matchersOf(rule, shared.peers)) {
      if (matcher === null) {
        this.#any[rule.direction].claims.push(...claims);
        continue;
      }
      const share = this.#sharesOf(matcher)[rule.direction];
      // The numbered ports of a rule for any peer are not said again for every pod.
      if (rule.peers !== null) share.claims.push(...claims);
      for (const match of names) share.names.push({ match, ...origin });
      if (names.length > 0) this.#usesPeerNames = true;
    }
  }

  #sharesOf(matcher: number): Shares {
    let shares = this.#shares.get(matcher);
    if (!shares) this.#shares.set(matcher, (shares = emptyShares()));
    return shares;
  }

  #decide(shares: readonly Shares[], namedPorts: readonly NamedPort[], anyPeer: boolean): EntryTemplate[] {
    const templates: EntryTemplate[] = [];
    for (const direction of DIRECTIONS) {
      const claims: PortClaim[] = [];
      for (const { [direction]: share } of shares) {
        for (const claim of share.claims) claims.push(claim);
        for (const claim of share.names) claims.push(...resolveName(claim, namedPorts));
      }
      const open = anyPeer && !this.selects[direction];
      for (const { key, precedence, set } of decidePorts(claims, this.#sets, open ? DEFAULT_PRECEDENCE : null)) {
        const { protocol, port, bits } = key;
        const verdict = actionOf(precedence);
        templates.push({ direction, protocol, port, portBits: bits, verdict, precedence, rules: set.rules });
      }
    }
    return templates;
  }
}

function emptyShares(): Shares {
  return { ingress: { claims: [], names: [] }, egress: { claims: [], names: [] } };
}

function resolveName({ match, ...origin }: NamedClaim, namedPorts: readonly NamedPort[]): PortClaim[] {
  const protocol = protocolNumbers[match.protocol];
  const ports = portsNamed(namedPorts, match.name, match.protocol);
  return ports.map((port) => ({ key: { protocol, port, bits: 16 }, ...origin }));
}

/** Ingress rules name ports of the pod that they protect, egress rules ports of the peer. */
function resolvesOnSubject({ direction, ports }: Rule): boolean {
  return direction === "ingress" && ports !== null && ports.some(({ kind }) => kind === "name");
}

function resolvePorts(rule: Rule, subject: Subject): { keys: PortKey[]; names: NamedPortMatch[] } {
  if (rule.ports === null) return { keys: [{ protocol: ANY_PROTOCOL, port: 0, bits: 0 }], names: [] };
  const keys: PortKey[] = [];
  const names: NamedPortMatch[] = [];
  for (const match of rule.ports) {
    const protocol = protocolNumbers[match.protocol];
    if (match.kind === "all") {
      keys.push({ protocol, port: 0, bits: 0 });
    } else if (match.kind === "range") {
      for (const { port, bits } of portPrefixes(match.first, match.last)) keys.push({ protocol, port, bits });
    } else if (resolvesOnSubject(rule)) {
      for (const port of portsNamed(subject.namedPorts, match.name, match.protocol)) {
        keys.push({ protocol, port, bits: 16 });
      }
    } else {
      names.push(match);
    }
  }
  return { keys, names };
}
