import { type EngineOptions, PolicyEngine } from "#policy/compile/engine.ts";
import { PolicyMap } from "#policy/compile/policy-map.ts";
import { type AddressToken, tokenHolds } from "#policy/model/address-token.ts";
import { type Flow, type Party, isNode, reservedOf } from "#policy/model/flow.ts";
import { type Labels, type Subject, formatNamedPorts } from "#policy/model/identity.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { protocolNumbers } from "#policy/model/protocol.ts";
import { type ReservedParty, reservedIdentities } from "#policy/model/reserved.ts";
import type { Direction, RuleDescription, Verdict } from "#policy/model/rule.ts";

/** What a judgement says: the rules as {@link ruleName} has them, sorted. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly rules: readonly string[];
  readonly isPlain?: true;
}

/** `KIND NAMESPACE/NAME ingress[0]` */
export function ruleName({ kind, namespace, name, rule }: RuleDescription): string {
  return `${kind} ${namespace}/${name} ${rule}`;
}

const FIRST_IDENTITY = 256;
const FIRST_CLASS = (1 << 24) + 1;
/** Of nodes with labels. */
const FIRST_NODE = (2 << 24) + 1;

interface PeerNumbers {
  readonly identity: number;
  readonly addressClass: number;
}

interface Maps {
  readonly enforced: PolicyMap;
  readonly staged: PolicyMap;
}

/**
 * A cluster whose policies are compiled, and whose flows are judged as the kernel does
 * it: three look-ups of the longest match, the highest precedence decides.
 */
export class CompiledCluster {
  readonly engine: PolicyEngine;
  readonly #identities = new Map<string, number>();
  readonly #classes = new Map<string, number>();
  readonly #compiled = new Map<string, Maps>();
  /** What has been worked out of a party once. */
  readonly #numbers = new WeakMap<Party, PeerNumbers>();
  readonly #maps = new WeakMap<Party, Maps>();

  constructor(
    objects: Iterable<PolicyObject>,
    parties: Iterable<Party>,
    options: EngineOptions = {},
    engine: PolicyEngine = new PolicyEngine(objects, options),
  ) {
    this.engine = engine;
    for (const party of parties) this.#add(party);
  }

  judge(flow: Flow, { staged = false, at }: { staged?: boolean; at?: number } = {}): Record<Direction, Judgement> {
    const { source, destination } = flow;
    const self = source.subject && destination.subject && source.address === destination.address;
    if (self && source.address !== undefined) return { egress: FREE, ingress: FREE };
    return {
      egress: this.#judge("egress", source, destination, flow, staged, at ?? null),
      ingress: this.#judge("ingress", destination, source, flow, staged, at ?? null),
    };
  }

  identityOf(party: Party): number {
    return this.#identities.get(partyText(party)) ?? reservedIdentities[reservedOf(party)];
  }

  /** By which a party is looked up. */
  numbersOf(party: Party): PeerNumbers {
    let numbers = this.#numbers.get(party);
    if (!numbers) {
      const classKey = this.#classKey(party);
      const addressClass = classKey === null ? 0 : (this.#classes.get(classKey) ?? 0);
      this.#numbers.set(party, (numbers = { identity: this.identityOf(party), addressClass }));
    }
    return numbers;
  }

  #add(party: Party): void {
    const text = partyText(party);
    if (party.subject && !this.#identities.has(text)) {
      const identity = FIRST_IDENTITY + this.#identities.size;
      this.#identities.set(text, identity);
      this.engine.addIdentity(identity, party.subject);
    } else if (party.nodeLabels && !this.#identities.has(text)) {
      const identity = FIRST_NODE + this.#identities.size;
      this.#identities.set(text, identity);
      this.engine.addReserved(identity, party);
    }
    const key = this.#classKey(party);
    if (key === null || this.#classes.has(key)) return;
    const addressClass = FIRST_CLASS + this.#classes.size;
    this.#classes.set(key, addressClass);
    this.engine.addClass(addressClass, this.#tokensOf(party), party.subject?.namedPorts ?? []);
  }

  #judge(direction: Direction, self: Party, peer: Party, flow: Flow, staged: boolean, at: number | null): Judgement {
    const maps = this.#mapsOf(self);
    const isFromNode = !peer.subject && peer.reserved === "host";
    if (!maps || (isFromNode && (self.subject ? direction === "ingress" : self.reserved === "host"))) return FREE;
    const numbers = this.numbersOf(peer);
    const map = staged ? maps.staged : maps.enforced;
    const { verdict, rules, isPlain } = map.judge(direction, numbers, protocolNumbers[flow.protocol], flow.port, at);
    const names = [...new Set(rules.map(({ description }) => ruleName(description)))].sort();
    return { verdict, rules: names, ...(isPlain && { isPlain }) };
  }

  /** Undefined: nothing governs whoever is neither a pod nor a node that is known by its labels. */
  #mapsOf(self: Party): Maps | undefined {
    if (!self.subject && !(self.nodeLabels && isNode(self))) return undefined;
    const known = this.#maps.get(self);
    if (known) return known;
    const text = partyText(self);
    let maps = this.#compiled.get(text);
    if (!maps) {
      const { entries, staged } = this.engine.compile(self.subject ?? { nodeLabels: self.nodeLabels as Labels });
      const enforced = new PolicyMap(entries);
      this.#compiled.set(text, (maps = { enforced, staged: staged ? new PolicyMap(staged) : enforced }));
    }
    this.#maps.set(self, maps);
    return maps;
  }

  #tokensOf(party: Party): AddressToken[] {
    return this.engine.tokens.filter((token) => tokenHolds(token, party));
  }

  #classKey(party: Party): string | null {
    const tokens = this.#tokensOf(party);
    return tokens.length === 0 ? null : `${tokens.join(",")}|${formatNamedPorts(party.subject?.namedPorts ?? [])}`;
  }
}

const FREE: Judgement = { verdict: "allow", rules: [] };

function partyText({ subject, reserved, nodeLabels }: Party): string {
  return subject ? subjectText(subject) : nodeText(reserved, nodeLabels);
}

function nodeText(reserved: ReservedParty | undefined, nodeLabels: Labels | undefined): string {
  return `${reserved} ${JSON.stringify(Object.entries(nodeLabels ?? {}).sort())}`;
}

function subjectText({ namespace, labels, serviceAccount, namedPorts }: Subject): string {
  return JSON.stringify([namespace, Object.entries(labels).sort(), serviceAccount, formatNamedPorts(namedPorts)]);
}
