import type { Kernel } from "#agent/datapath/kernel.ts";
import type { AddressSpace } from "#agent/ipcache/address-space.ts";
import type { KnownPrefix } from "#agent/ipcache/partition.ts";
import type { Rule } from "#policy/model/rule.ts";
import type { NameRulesView } from "./enforcement-views.ts";
import type { Joining } from "./moves.ts";
import type { OutsiderPlan } from "./outsiders.ts";

/** Numbers for sets of rules; `agent/identity` persists them. */
interface ReferenceNumbers {
  /** The number of a set of rules; 0 for the empty one. */
  intern(rules: readonly Rule[]): number;
}

/** What the proxy knows of rules; see `agent/redirect`. */
export interface RedirectedRules {
  /** These rules send connections to the proxy, and entries will have this reference for them. */
  name(reference: number, rules: readonly Rule[]): void;
  /** The proxy knows all that has been named, or does not answer: then it lets nothing through that names them. */
  told(): Promise<void>;
  /** What rules in force, and those to come, say of DNS names. */
  speakOf(names: NameRulesView): void;
}

export interface EnforcementOptions {
  readonly kernel: Kernel;
  readonly addresses: AddressSpace;
  readonly references: ReferenceNumbers;
  readonly redirected: RedirectedRules;
  /** Boot time, ns, of an instant in ms since 1970; the same answer until the wall clock is set. */
  readonly boot: (instant: number) => bigint;
  /** Prefixes with a fixed owner: the range of pods. */
  readonly reserved: readonly KnownPrefix[];
  /** Who the node's own addresses are: the reserved identity `host`. */
  readonly nodeIdentity: number;
  /** The node's own addresses at the start. */
  readonly nodeAddresses: readonly string[];
}

export interface PolicyChange {
  /** A new generation even when no endpoint's policy differs, so that the number says which objects are in force. */
  readonly always: boolean;
  /** Endpoints that become somebody else with the change. */
  readonly joining?: readonly Joining[];
  /** Who has other addresses; missing: as before. */
  readonly outsiders?: OutsiderPlan;
}

/** Who joins or leaves with a change. */
export type Changes = Pick<PolicyChange, "joining" | "outsiders">;
