import type { Hooks } from "#agent/datapath/kernel.ts";
import type { Ipam } from "#agent/ipam/ipam.ts";
import type { AddressPair } from "#agent/ipam/lease.ts";
import type { PodBandwidth } from "#policy/model/bandwidth.ts";
import type { Subject } from "#policy/model/identity.ts";
import type { Enforcement } from "./enforcement.ts";
import type { EndpointRecord } from "./record.ts";
import type { EndpointRecords } from "./records.ts";

export interface IdentityNumbers {
  acquire(subject: Subject): Promise<number>;
  /** For an endpoint that is there already; `preferred`: what its record says. */
  restore(subject: Subject, preferred: number): Promise<number>;
  release(identity: number): Promise<void>;
}

/** The node's side of a pod's veth. */
export interface HostSide {
  ensure(spec: HostSideSpec): void;
  /** Resolves when the interface can carry no packet any more. */
  remove(hostInterface: string): Promise<void>;
  check(spec: HostSideSpec): string[];
  /** Index of an interface of the node, or null. */
  index(hostInterface: string): number | null;
  /** The routes to pods that are there: `ADDRESS INDEX`. */
  routes(): ReadonlySet<string>;
}

/** The node's side of veths that other CNI plugins made; it is not ours to change. */
export interface ForeignHostSides {
  /** Index of the bridge that an interface is a port of; null: of none. */
  bridge(hostInterface: string): number | null;
  /** @param bridge That the kernel's record names. */
  check(ifindex: number, hostInterface: string, bridge: number | null): string[];
}

export interface HostSideSpec {
  readonly name: string;
  readonly mac: string;
  readonly podMac: string;
  /** Bytes of an IP packet. */
  readonly mtu: number;
  readonly addresses: AddressPair;
  readonly gateway: AddressPair;
}

/** What a Pod object says of a pod; stands before what ADD brought. */
export interface PodFacts {
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly namedPorts: Subject["namedPorts"];
  readonly bandwidth?: PodBandwidth;
  /** The controller that made the pod. */
  readonly owner?: { readonly kind: string; readonly name: string };
}

/** What the annotations of a pod and its namespace wish of its addresses. */
export interface AddressWish {
  /** Absent: any other wish counts, or the default pool. */
  readonly pool?: string;
  /** Whether the pod gets the same addresses when it comes again. */
  readonly sticky: boolean;
}

/** What happened to an endpoint, by a word of its log, or `deleted`. */
export interface EndpointChange {
  readonly event: string;
  readonly record: EndpointRecord;
  readonly subject: Subject;
}

export interface EndpointManagerOptions {
  readonly enforcement: Enforcement;
  readonly records: EndpointRecords;
  readonly pool: Pick<Ipam, "allocate" | "reserve" | "restore" | "release" | "gateway">;
  readonly identities: IdentityNumbers;
  readonly hooks: Hooks;
  /** Of endpoints whose veth is another CNI plugin's. */
  readonly chained: { readonly hooks: Hooks; readonly host: ForeignHostSides };
  /** Those of the pods' addresses. */
  readonly connections: { removeAddresses(addresses: readonly string[]): Promise<unknown> };
  readonly host: HostSide;
  /** Bytes of an IP packet that a pod may send. */
  readonly mtu: number;
  readonly podFacts: (namespace: string, pod: string) => PodFacts | undefined;
  readonly addressWish: (namespace: string, pod: string) => AddressWish;
  /** Drops labels that no policy should speak of, e.g. `pod-template-hash`. */
  readonly relevantLabels: (labels: Readonly<Record<string, string>>) => Record<string, string>;
  readonly nextIncarnation: () => number;
  readonly randomMac: () => string;
  readonly now: () => Date;
  /** Told of what happens to endpoints. */
  readonly changed?: (change: EndpointChange) => void;
  /** Told when something goes wrong after an answer was given. */
  readonly failed: (error: unknown, what: string) => void;
}
