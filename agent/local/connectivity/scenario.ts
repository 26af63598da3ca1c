/** What the connectivity test is made of: groups of scenarios, each with the objects that are in force for it. */
import type { World } from "./world.ts";

/** Pods of the test's own namespace, and `peer` of the other one. */
export const podNames = ["client", "other", "server", "second", "peer"] as const;
export type PodName = (typeof podNames)[number];

/** Pods that come and go with a scenario. */
export type PassingPod = "early" | "late";

/** Who takes part: pods, the node, a machine beyond it, and that machine by an address that may be another node's. */
export type Party = PodName | PassingPod | "node" | "outside" | "remote";

export type Family = 4 | 6;

/** Names and addresses that a run's objects speak of. */
export interface Names {
  /** Of all pods but `peer`. */
  readonly namespace: string;
  /** Of `peer`. */
  readonly neighbour: string;
  /** What the names of objects without a namespace begin with. */
  readonly prefix: string;
  /** The network of the machine beyond the node. */
  readonly block: Readonly<Record<Family, string>>;
  readonly outside: Readonly<Record<Family, string>>;
  readonly remote: Readonly<Record<Family, string>>;
  /** The node's address there. */
  readonly node: Readonly<Record<Family, string>>;
}

/** What became of a scenario, in the words of {@link Scenario.expected}. */
export interface Seen {
  readonly seen: string;
  /** The rules that decided, or why there are none; null: nothing was judged. */
  readonly rule: string | null;
}

export interface Scenario {
  readonly name: string;
  /** What is done, in words. */
  readonly sends: string;
  readonly expected: string;
  /** Of addresses; a node whose pods have none of it leaves the scenario out. */
  readonly family: Family;
  run(world: World): Promise<Seen>;
}

export interface Group {
  readonly name: string;
  /** Kubernetes objects that are in force meanwhile. */
  readonly objects: (names: Names) => readonly object[];
  readonly scenarios: readonly Scenario[];
  /** Whether they disturb each other, and go one after the other. */
  readonly oneByOne?: boolean;
  /** Whether it is only for a node of the test's own: it changes what holds for all pods, or asks for what others need not have. */
  readonly ownNode?: boolean;
}

/** A scenario's outcome, as `weir connectivity test -o json` prints it. */
export interface ScenarioResult {
  readonly name: string;
  readonly group: string;
  readonly expected: string;
  readonly seen: string;
  readonly rule: string | null;
  readonly milliseconds: number;
  readonly ok: boolean;
  /** What is wrong; null when nothing is. */
  readonly why: string | null;
}
