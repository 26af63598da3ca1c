import { type Enforcement, PolicyEngine } from "#policy/compile/engine.ts";
import type { CidrMatchesPods } from "#policy/compile/conversion.ts";
import { nameToken } from "#policy/model/address-token.ts";
import { type Party, isNode, reservedOf } from "#policy/model/flow.ts";
import { formatNamedPorts } from "#policy/model/identity.ts";
import { reservedIdentities } from "#policy/model/reserved.ts";
import type { Policy } from "#policy/model/rule.ts";
import { type PartyClass, partyOf } from "#policy/simulate/party-class.ts";
import type { TrafficClasses } from "#policy/simulate/traffic-classes.ts";
import { EndPolicy } from "./end-policy.ts";

export interface SideOptions {
  readonly enforcement?: Enforcement;
  readonly cidrMatchesPods?: CidrMatchesPods;
  readonly at?: number;
  /** As if what is staged were in force. */
  readonly isPromoted: boolean;
}

const FIRST_IDENTITY = 256;
const FIRST_NODE = 1 << 24;
const FIRST_CLASS = 2 << 24;
const FIRST_NAME = 3 << 24;

/** One set of objects, compiled: what the policy of each class says, and by which numbers each class is looked up. */
export class Side {
  readonly #world: number;
  readonly #options: SideOptions;
  readonly #traffic: TrafficClasses;
  readonly #engine: PolicyEngine;
  readonly #identities = new Map<PartyClass, number>();
  readonly #addressClasses = new Map<string, number>();
  readonly #names: ReadonlyMap<string, number>;
  readonly #policies = new Map<string, EndPolicy>();
  readonly #hasNodePolicies: boolean;

  /** @param world The place of the set among those of the classes. */
  constructor(traffic: TrafficClasses, world: number, options: SideOptions) {
    const { objects = [], names = [] } = traffic.worlds[world] ?? {};
    this.#traffic = traffic;
    this.#world = world;
    this.#options = options;
    const { isPromoted: _, ...engineOptions } = options;
    this.#engine = new PolicyEngine(objects, engineOptions);
    this.#hasNodePolicies = traffic.worlds.some(({ policies }) => policies.some(isAboutNodes));
    this.#names = new Map([...names].map((name, i) => [name, FIRST_NAME + i]));
    for (const [name, number] of this.#names) {
      this.#engine.addClass(number, [nameToken({ kind: "pattern", pattern: name })]);
    }
    for (const one of traffic.parties.classes) this.#identities.set(one, this.#addIdentity(one));
  }

  /** By which a class is looked up: its identity, and what its addresses are. */
  numbersOf(party: PartyClass, face: number): number[] {
    const identity = this.#identities.get(party) ?? 0;
    const tokens = party.faces[face]?.tokens[this.#world] ?? [];
    if (tokens.length === 0) return [identity];
    // An egress rule may give a range ports by name: they are those of the pods that are in it.
    const namedPorts = this.#representative(party).subject?.namedPorts ?? [];
    const key = `${tokens.join(",")}|${formatNamedPorts(namedPorts)}`;
    let number = this.#addressClasses.get(key);
    if (number === undefined) {
      number = FIRST_CLASS + this.#addressClasses.size;
      this.#addressClasses.set(key, number);
      this.#engine.addClass(number, tokens, namedPorts);
    }
    return [identity, number];
  }

  /** By which a name or pattern of rules is looked up; null: no rule of this side has it. */
  numberOfName(name: string): number | null {
    return this.#names.get(name) ?? null;
  }

  /** What the policy of a class says; null: on no side anything governs it. All numbers must have been asked for before. */
  policyOf(one: PartyClass): EndPolicy | null {
    const party = this.#representative(one);
    if (!party.subject && !(party.nodeLabels && isNode(party) && this.#hasNodePolicies)) return null;
    const key = party.subject
      ? this.#engine.policyKey(party.subject)
      : `node ${JSON.stringify(Object.entries(party.nodeLabels ?? {}).sort())}`;
    let policy = this.#policies.get(key);
    if (!policy) {
      const governed = party.subject ?? { nodeLabels: party.nodeLabels ?? {} };
      const { entries, staged } = this.#engine.compile(governed);
      policy = new EndPolicy(this.#options.isPromoted ? (staged ?? entries) : entries, this.#traffic.segments);
      this.#policies.set(key, policy);
    }
    return policy;
  }

  #addIdentity(one: PartyClass): number {
    const { subject, nodeLabels, reserved } = this.#representative(one);
    if (subject) {
      const number = FIRST_IDENTITY + this.#identities.size;
      this.#engine.addIdentity(number, subject);
      return number;
    }
    if (!nodeLabels) return reservedIdentities[reservedOf({ ...(reserved && { reserved }) })];
    const number = FIRST_NODE + this.#identities.size;
    this.#engine.addReserved(number, { nodeLabels, ...(reserved && { reserved }) });
    return number;
  }

  #representative({ members }: PartyClass): Party {
    const [first] = members;
    return (first && partyOf(first, 0, first.ends[0]?.family ?? null, this.#world)) ?? {};
  }
}

function isAboutNodes({ subjects }: Policy): boolean {
  return subjects.kind === "nodes";
}
