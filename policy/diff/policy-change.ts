import type { NearMiss } from "#policy/explain/evaluate.ts";
import type { FlowProtocol } from "#policy/model/protocol.ts";
import type { Direction, RuleDescription, Verdict } from "#policy/model/rule.ts";
import type { Family, PartyKind } from "#policy/simulate/party-class.ts";
import type { NameCondition } from "./names.ts";

/** What `weir policy diff` answers. */
export interface PolicyDiff {
  /** Sorted; of two sets of objects always the same, whatever their order. */
  readonly changes: readonly PolicyChange[];
  /** Classes of traffic that were compared: pairs of classes of parties, times segments of ports. */
  readonly classes: number;
  /** False: DNS names of rules overlap in more ways than were looked at. Everything else is exhaustive always. */
  readonly isComplete: boolean;
  /** Only where recorded flows were given. */
  readonly flows?: FlowCounts;
}

export interface FlowCounts {
  /** Lines that were flows. */
  readonly records: number;
  /** Different connections among them that were judged. */
  readonly connections: number;
  /** Lines whose verdict changes. */
  readonly changed: number;
  /** Lines that say nothing about policy, by the reason. */
  readonly unjudged: Readonly<Record<string, number>>;
}

/** Traffic whose verdict changes: all of some parties with all of others, on some ports of some protocols. */
export interface PolicyChange {
  /** Of both ends together: what a connection meets. Twice `redirect`: other requests pass than before. */
  readonly before: Verdict;
  readonly after: Verdict;
  readonly source: PartyGroup;
  readonly destination: PartyGroup;
  /** `TCP`, `TCP, UDP, SCTP`, `any`, `any but TCP` */
  readonly protocol: string;
  /** `80`, `80-81,443`, `any`; of ICMP the types. */
  readonly ports: string;
  /** The same for programs. `other`: protocols that no rule names. */
  readonly traffic: readonly {
    readonly protocol: FlowProtocol | "other";
    readonly first: number;
    readonly last: number;
  }[];
  /** The ends whose policy decides otherwise than before. */
  readonly ends: readonly Direction[];
  /** The rules of those ends that decide; of a default none. */
  readonly by: { readonly before: readonly RuleDescription[]; readonly after: readonly RuleDescription[] };
  /** For a new denial that no rule makes: what nearly lets the example through. */
  readonly nearest: NearMiss | null;
  readonly example: ExampleFlow | null;
  /** Records of recorded flows. */
  readonly count?: number;
}

/** One connection of a change. */
export interface ExampleFlow {
  /** `NAMESPACE/POD`, or an address. */
  readonly from: string;
  readonly to: string;
  readonly kinds: readonly [from: PartyKind, to: PartyKind];
  /** DNS names by which the end outside of the cluster is known, where it depends on them. */
  readonly names: readonly string[];
  readonly protocol: FlowProtocol;
  readonly port: number;
  /** Whether `weir policy eval` understands these ends as the same parties. */
  readonly canBeEvaluated: boolean;
}

/** Parties whose traffic changes in the same way. */
export interface PartyGroup {
  /** `several`: of more than one kind. `anybody`: all that there can be at this end. */
  readonly kind: PartyKind | "several" | "anybody";
  /** For people. */
  readonly description: string;
  /** One of them: `NAMESPACE/POD`, or an address. */
  readonly example: string;
  readonly count: number;
  readonly members: readonly GroupMember[];
}

/** A pod, a node, an API server, or all addresses of a range that belong to nobody who is known. */
export interface GroupMember {
  readonly kind: PartyKind;
  /** `NAMESPACE/POD`, a node's name, an address, or a range. */
  readonly name: string;
  /** Parts of the range that are not meant. */
  readonly except?: readonly string[];
  /** Only by addresses of these families; missing: by any that it has. */
  readonly families?: readonly Family[];
  /** Only by these DNS names; missing: by whatever name. */
  readonly names?: NameCondition;
}
