import { type Enforcement, PolicyEngine, type PolicyEntry } from "#policy/compile/engine.ts";
import { type Address, type Cidr, cidrContains, hostCidr, parseAddress, parseCidr } from "#policy/model/cidr.ts";
import type { Flow, Party } from "#policy/model/flow.ts";
import { type Subject, formatNamedPorts } from "#policy/model/identity.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { protocolNumbers } from "#policy/model/protocol.ts";
import type { Direction, Rule } from "#policy/model/rule.ts";

/** What a judgement says: the rules as `NAMESPACE/NAME ingress[0]`, sorted. */
export interface Judgement {
  readonly verdict: "allow" | "deny";
  readonly rules: readonly string[];
}

/** Identity of whoever is not a pod. */
const RESERVED = { host: 1, world: 2, unmanaged: 3, "remote-node": 6 } as const;
const FIRST_IDENTITY = 256;
const FIRST_CLASS = (1 << 24) + 1;

/**
 * A cluster whose policies are compiled, and whose flows are judged as the kernel does
 * it: three look-ups of the longest match, the highest precedence decides.
 */
export class CompiledCluster {
  readonly engine: PolicyEngine;
  readonly #identities = new Map<string, number>();
  readonly #classes = new Map<string, number>();
  readonly #compiled = new Map<string, readonly PolicyEntry[]>();

  constructor(objects: Iterable<PolicyObject>, parties: Iterable<Party>, options: { enforcement?: Enforcement } = {}) {
    this.engine = new PolicyEngine(objects, options);
    for (const party of parties) {
      if (party.subject && !this.#identities.has(subjectText(party.subject))) {
        const identity = FIRST_IDENTITY + this.#identities.size;
        this.#identities.set(subjectText(party.subject), identity);
        this.engine.addIdentity(identity, party.subject);
      }
      const key = this.#classKey(party);
      if (key === null || this.#classes.has(key)) continue;
      const addressClass = FIRST_CLASS + this.#classes.size;
      this.#classes.set(key, addressClass);
      this.engine.addClass(addressClass, this.#cidrsOf(party), party.subject?.namedPorts ?? []);
    }
  }

  judge(flow: Flow): Record<Direction, Judgement> {
    return {
      egress: this.#judge("egress", flow.source, flow.destination, flow),
      ingress: this.#judge("ingress", flow.destination, flow.source, flow),
    };
  }

  identityOf(party: Party): number {
    return party.subject
      ? (this.#identities.get(subjectText(party.subject)) as number)
      : RESERVED[party.reserved ?? "world"];
  }

  #judge(direction: Direction, self: Party, peer: Party, flow: Flow): Judgement {
    if (!self.subject || (direction === "ingress" && peer.reserved === "host")) return { verdict: "allow", rules: [] };
    const text = subjectText(self.subject);
    const entries = this.#compiled.get(text) ?? this.engine.compile(self.subject).entries;
    this.#compiled.set(text, entries);
    const classKey = this.#classKey(peer);
    const peers = [this.identityOf(peer), classKey === null ? 0 : (this.#classes.get(classKey) ?? 0), 0];
    return lookUp(entries, direction, peers, protocolNumbers[flow.protocol], flow.port);
  }

  #cidrsOf({ address }: Party): string[] {
    const host = address === undefined ? null : hostCidr(parseAddress(address) as Address);
    return host ? this.engine.cidrs.filter((cidr) => cidrContains(parseCidr(cidr) as Cidr, host)) : [];
  }

  #classKey(party: Party): string | null {
    const cidrs = this.#cidrsOf(party);
    return cidrs.length === 0 ? null : `${cidrs.join(",")}|${formatNamedPorts(party.subject?.namedPorts ?? [])}`;
  }
}

/** As the kernel's `policy_judge` does it. */
export function lookUp(
  entries: readonly PolicyEntry[],
  direction: Direction,
  peers: readonly number[],
  protocol: number,
  port: number,
): Judgement {
  let precedence = 0;
  let verdict: "allow" | "deny" = "deny";
  let rules: Rule[] = [];
  for (const [i, peer] of peers.entries()) {
    if (peer === 0 && i < peers.length - 1) continue;
    const found = longestMatch(entries, direction, peer, protocol, port);
    if (!found || found.precedence < precedence) continue;
    if (found.precedence > precedence) {
      ({ precedence, verdict } = found);
      rules = [];
    }
    rules.push(...found.rules);
  }
  const names = rules.map(({ description: { namespace, name, rule } }) => `${namespace}/${name} ${rule}`);
  return { verdict, rules: [...new Set(names)].sort() };
}

function longestMatch(
  entries: readonly PolicyEntry[],
  direction: Direction,
  peer: number,
  protocol: number,
  port: number,
): PolicyEntry | undefined {
  const length = (entry: PolicyEntry): number => (entry.protocol === 0 ? 0 : 8 + entry.portBits);
  return entries
    .filter((entry) => entry.peer === peer && entry.direction === direction)
    .filter((entry) => entry.protocol === 0 || entry.protocol === protocol)
    .filter((entry) => port >> (16 - entry.portBits) === entry.port >> (16 - entry.portBits))
    .sort((a, b) => length(b) - length(a))[0];
}

function subjectText({ namespace, labels, serviceAccount, namedPorts }: Subject): string {
  return JSON.stringify([namespace, Object.entries(labels).sort(), serviceAccount, formatNamedPorts(namedPorts)]);
}
