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
  readonly numbers: ReadonlyMap<Rule, number>;
  /** Isolate pods that no policy selects, too. */
  readonly always: boolean;
}

/** Part of a rule that holds for one matcher. */
interface Part {
  readonly direction: Direction;
  readonly rule: number;
  readonly action: Action;
  readonly precedence: number;
  readonly ports: readonly PortKey[];
  /** Ports that the peer's own table resolves. */
  readonly names: readonly (PortMatch & { kind: "name" })[];
}

/** Any pod, and nobody else: only pods have tables of named ports. */
const EVERY_POD: Peer = { kind: "pods", namespaces: { kind: "labels", selector: [] }, labels: [] };

const DIRECTIONS: readonly Direction[] = ["ingress", "egress"];

/** The policy of all subjects that the same policies select: its rules, filed by the peers that they are about. */
export class SubjectPolicy {
  readonly key: string;
  readonly selects: Readonly<Record<Direction, boolean>>;
  readonly #sets: RuleSets;
  readonly #any: Part[] = [];
  /** By number of the matcher. */
  readonly #parts: (Part[] | undefined)[] = [];
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

  /** What holds for every peer. */
  anyPeer(): readonly EntryTemplate[] {
    return (this.#anyTemplates ??= this.#decide(this.#any, [], true));
  }

  /** What holds for these peers in particular. */
  peerOf(kind: PeerKind): readonly EntryTemplate[] {
    const known = this.#byKind.get(kind);
    if (known) return known;
    const matchers = kind.matchers.filter((matcher) => this.#parts[matcher] !== undefined);
    const key = this.#usesPeerNames ? `${matchers.join(",")}|${kind.namedPortsText}` : matchers.join(",");
    let templates = this.#byMatchers.get(key);
    if (!templates) {
      const parts = matchers.flatMap((matcher) => this.#parts[matcher] as Part[]);
      templates = this.#decide(parts, kind.namedPorts, false);
      this.#byMatchers.set(key, templates);
    }
    this.#byKind.set(kind, templates);
    return templates;
  }

  #file(rule: Rule, subject: Subject, shared: Shared): void {
    const { direction, action } = rule;
    const common = {
      direction,
      action,
      rule: shared.numbers.get(rule) as number,
      precedence: rulePrecedence(rule),
    };
    const { ports, names } = resolvePorts(rule, subject);
    const anyPeer = rule.peers === null;
    for (const matcher of SubjectPolicy.matchersOf(rule, shared.peers)) {
      if (matcher === null) {
        this.#any.push({ ...common, ports, names: [] });
        continue;
      }
      if (names.length > 0) this.#usesPeerNames = true;
      // The numbered ports of a rule for any peer are not said again for every pod.
      (this.#parts[matcher] ??= []).push({ ...common, ports: anyPeer ? [] : ports, names });
    }
  }

  #decide(parts: readonly Part[], namedPorts: readonly NamedPort[], anyPeer: boolean): EntryTemplate[] {
    const templates: EntryTemplate[] = [];
    for (const direction of DIRECTIONS) {
      const claims: PortClaim[] = [];
      const verdicts = new Map<number, Action>();
      for (const part of parts) {
        if (part.direction !== direction) continue;
        const { rule, precedence } = part;
        verdicts.set(precedence, part.action);
        for (const { protocol, port, bits } of part.ports) claims.push({ protocol, port, bits, rule, precedence });
        for (const { name, protocol } of part.names) {
          for (const port of portsNamed(namedPorts, name, protocol)) {
            claims.push({ protocol: protocolNumbers[protocol], port, bits: 16, rule, precedence });
          }
        }
      }
      const open = anyPeer && !this.selects[direction];
      const fallback = open ? { precedence: DEFAULT_PRECEDENCE, set: this.#sets.empty } : null;
      for (const { protocol, port, bits, decision } of decidePorts(claims, this.#sets, fallback)) {
        const { precedence, set } = decision;
        const verdict = verdicts.get(precedence) ?? "allow";
        templates.push({ direction, protocol, port, portBits: bits, verdict, precedence, rules: set.rules });
      }
    }
    return templates;
  }
}

/** Ingress rules name ports of the pod that they protect, egress rules ports of the peer. */
function resolvesOnSubject({ direction, ports }: Rule): boolean {
  return direction === "ingress" && ports !== null && ports.some(({ kind }) => kind === "name");
}

function resolvePorts(rule: Rule, subject: Subject): Pick<Part, "ports" | "names"> {
  if (rule.ports === null) return { ports: [{ protocol: ANY_PROTOCOL, port: 0, bits: 0 }], names: [] };
  const ports: PortKey[] = [];
  const names: (PortMatch & { kind: "name" })[] = [];
  for (const match of rule.ports) {
    const protocol = protocolNumbers[match.protocol];
    if (match.kind === "all") {
      ports.push({ protocol, port: 0, bits: 0 });
    } else if (match.kind === "range") {
      for (const { port, bits } of portPrefixes(match.first, match.last)) ports.push({ protocol, port, bits });
    } else if (resolvesOnSubject(rule)) {
      for (const port of portsNamed(subject.namedPorts, match.name, match.protocol)) {
        ports.push({ protocol, port, bits: 16 });
      }
    } else {
      names.push(match);
    }
  }
  return { ports, names };
}
