import type { FlowService, FlowWorkload } from "#agent/api/flow.ts";
import type { Isolation, NearestRule, RuleDescription } from "#agent/api/policy-views.ts";
import type { RequestContent } from "#agent/proxy/request-record.ts";
import type { FlowProtocol } from "#policy/model/protocol.ts";

/** One end of a flow, by the names it had when the packet was seen. */
export interface FlowParty {
  /** Number of the endpoint; 0: it is not on this node. */
  readonly endpoint: number;
  readonly identity: number;
  /** `k8s:app=web`, `reserved:world`. */
  readonly labels: readonly string[];
  /** Null for what is no pod. */
  readonly namespace: string | null;
  readonly pod: string | null;
  /** What made the pod, where somebody says so. */
  readonly workload?: FlowWorkload;
  /** That the address stands for. */
  readonly service?: FlowService;
  /** DNS names that stand for the address; of many, some. */
  readonly names?: readonly string[];
}

/** What an event says of one end. */
export interface PartyQuery {
  /** 0: the packet was dropped before anybody asked, or the end is not on this node. */
  readonly endpoint: number;
  readonly identity: number;
  readonly address: string;
}

/** A denial that no rule made: what {@link FlowContext.nearest} is asked about. */
export interface Denial {
  /** The end whose policy lacks a rule. */
  readonly direction: "ingress" | "egress";
  /** Ends in the connection's original direction. */
  readonly source: FlowParty;
  readonly destination: FlowParty;
  readonly sourceAddress: string;
  readonly destinationAddress: string;
  readonly protocol: FlowProtocol;
  /** Destination port; ICMP: the type. */
  readonly port: number;
  /** Policy generation that judged. */
  readonly generation: bigint;
}

/** A request that no rule allowed: what {@link FlowContext.requestRefusal} is asked about. */
export interface RequestDenial extends Denial {
  readonly content: RequestContent;
}

/** Why a request was denied. */
export interface RequestRefusal {
  /** The rules of the connection that look at requests. */
  readonly asked: readonly RuleDescription[];
  /** That of them which would nearly have allowed it; null: there is none any more, or none comes near. */
  readonly nearest: NearestRule | null;
}

/** An end whose policy has no rule for what was denied. */
export interface IsolatedEnd {
  readonly direction: "ingress" | "egress";
  readonly party: FlowParty;
  /** Policy generation that judged. */
  readonly generation: bigint;
}

/** What flows need to know of the agent. All answers come at once: nothing here waits. */
export interface FlowContext {
  readonly nodeName: string;
  /** Nanoseconds since 1970 at a boot time. */
  wallNanoseconds(boot: bigint): bigint;
  /** Asked once for each end when a packet is seen. Equal answers should be one object: they are kept. */
  party(query: PartyQuery): FlowParty;
  /** Number of the endpoint whose host side this is; 0: none. */
  endpointOnInterface(ifindex: number): number;
  /** Undefined: there is no such interface, or not any more. */
  interfaceName(ifindex: number): string | undefined;
  /** The rules that a reference stands for; empty when it is not known any more. */
  rules(reference: number): readonly RuleDescription[];
  /** The rule that would nearly have allowed it; null: none comes near, or the generation is too old to say. */
  nearest(denial: Denial): NearestRule | null;
  /** The rules that were asked for a request which was denied. */
  requestRefusal(denial: RequestDenial): RequestRefusal;
  /** The policies for which what no rule allows is denied. */
  isolation(end: IsolatedEnd): Isolation;
}
