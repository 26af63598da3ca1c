/**
 * A flow: Hubble's message of that name, spelled as its JSON is (protobuf names, enum
 * names as text, 64-bit numbers as text), with `weir` added. Fields that do not apply
 * are absent.
 */
import * as z from "zod";
import { isolation, nearestRule, ruleDescription } from "./policy-views.ts";

/** What a flow tells of, in the words of the field. */
export type FlowType = "drop" | "policy-verdict" | "trace" | "l7";

export const flowVerdict = z.enum(["FORWARDED", "DROPPED", "REDIRECTED", "AUDIT", "ERROR"]);
export type FlowVerdict = z.infer<typeof flowVerdict>;

/** How many events there were, by what they tell of and what became of the packet. */
export type FlowCounts = Readonly<Record<FlowType, Readonly<Partial<Record<FlowVerdict, number>>>>>;

const ports = z.object({ source_port: z.int(), destination_port: z.int() });
const icmp = z.object({ type: z.int(), code: z.int() });

const tcpFlags = z.partialRecord(z.enum(["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"]), z.literal(true));

const flowWorkload = z.object({ name: z.string(), kind: z.string() });
export type FlowWorkload = z.infer<typeof flowWorkload>;

const flowService = z.object({ name: z.string(), namespace: z.string() });
export type FlowService = z.infer<typeof flowService>;

const flowEndpoint = z.object({
  /** Number of the endpoint, when it is on this node. */
  ID: z.int().optional(),
  identity: z.int(),
  namespace: z.string().optional(),
  /** `k8s:app=web`, `reserved:world` */
  labels: z.array(z.string()).readonly(),
  pod_name: z.string().optional(),
  /** What made the pod. */
  workloads: z.array(flowWorkload).readonly().optional(),
});
export type FlowEndpoint = z.infer<typeof flowEndpoint>;

const flowPolicy = z.object({
  name: z.string(),
  namespace: z.string().optional(),
  labels: z.array(z.string()).readonly(),
  revision: z.string(),
  kind: z.string(),
});
export type FlowPolicy = z.infer<typeof flowPolicy>;

const texts = z.array(z.string()).readonly();

/** A request that the proxy has read, or its answer. What a pod wrote stands here as it wrote it, cut where it is long. */
const layer7 = z.object({
  type: z.enum(["REQUEST", "RESPONSE"]),
  /** From the request's last byte that counted to the answer's first; of an answer. */
  latency_ns: z.string().optional(),
  http: z
    .object({
      /** Of the answer. */
      code: z.int().optional(),
      method: z.string(),
      url: z.string(),
      protocol: z.string(),
      /** Values are redacted but for those of `--l7-show-headers`. */
      headers: z.array(z.object({ key: z.string(), value: z.string() })).readonly(),
    })
    .optional(),
  dns: z
    .object({
      /** With the dot at its end. */
      query: z.string(),
      ips: texts.optional(),
      /** Seconds. */
      ttl: z.int().optional(),
      cnames: texts.optional(),
      observation_source: z.literal("proxy"),
      /** Of an answer; 0 is left out. */
      rcode: z.int().optional(),
      qtypes: texts,
      rrtypes: texts.optional(),
    })
    .optional(),
  kafka: z
    .object({
      error_code: z.int(),
      api_version: z.int(),
      api_key: z.string(),
      correlation_id: z.int(),
      /** Several have commas between them. */
      topic: z.string(),
    })
    .optional(),
});
export type FlowLayer7 = z.infer<typeof layer7>;

const ends = z.object({ source: z.string(), destination: z.string() });

/** A connection up to the packet, which counts; of one that has timed out there is no packet. By who sent it: the end that opened it, or the other. */
const flowConnection = z.object({
  /** `closing`: one end has said that it will send no more. `timed-out`: no packet came in its time. */
  state: z.enum(["open", "closing", "closed", "timed-out"]),
  packets: ends,
  /** Ethernet headers included. */
  bytes: ends,
});
export type FlowConnection = z.infer<typeof flowConnection>;

const stagedOutcome = z.object({
  direction: z.enum(["ingress", "egress"]),
  verdict: z.enum(["allow", "deny", "redirect"]),
  /** The rules that would decide; empty when none would. */
  rules: z.array(ruleDescription).readonly(),
});
export type StagedOutcome = z.infer<typeof stagedOutcome>;

const policies = z.array(flowPolicy).readonly().optional();

export const flow = z.object({
  time: z.string(),
  uuid: z.string(),
  /** `AUDIT`: passed because nothing is enforced; see `weir.staged`. `ERROR`: a request that could not be understood or delivered. */
  verdict: flowVerdict,
  drop_reason: z.int().optional(),
  drop_reason_desc: z.string().optional(),
  IP: z.object({ source: z.string(), destination: z.string(), ipVersion: z.enum(["IPv4", "IPv6"]) }).optional(),
  l4: z
    .object({
      TCP: ports.extend({ flags: tcpFlags }),
      UDP: ports,
      SCTP: ports,
      ICMPv4: icmp,
      ICMPv6: icmp,
    })
    .partial()
    .optional(),
  source: flowEndpoint,
  destination: flowEndpoint,
  /** `L7`: it tells of a request. */
  Type: z.enum(["L3_L4", "L7"]),
  node_name: z.string(),
  /** DNS names that stand for the addresses, as pods of this node were told. */
  source_names: z.array(z.string()).readonly().optional(),
  destination_names: z.array(z.string()).readonly().optional(),
  /** Of addresses that stand for a service. */
  source_service: flowService.optional(),
  destination_service: flowService.optional(),
  event_type: z.object({ type: z.int(), sub_type: z.int() }),
  /** Of the connection, not of the packet: the end whose policy spoke. */
  traffic_direction: z.enum(["INGRESS", "EGRESS"]),
  /** Of how a connection goes: where its packet was seen, and what it is of it. */
  trace_observation_point: z.enum(["FROM_ENDPOINT", "TO_ENDPOINT", "FROM_NETWORK", "TO_NETWORK"]).optional(),
  trace_reason: z.enum(["ESTABLISHED", "REPLY"]).optional(),
  policy_match_type: z.int().optional(),
  l7: layer7.optional(),
  is_reply: z.boolean(),
  interface: z.object({ index: z.int(), name: z.string().optional() }).optional(),
  /** Where in the datapath's source a packet was dropped. */
  file: z.object({ name: z.string(), line: z.int() }).optional(),
  egress_allowed_by: policies,
  ingress_allowed_by: policies,
  egress_denied_by: policies,
  ingress_denied_by: policies,
  weir: z.object({
    /** The rules that gave the verdict; empty when no rule did. */
    rules: z.array(ruleDescription).readonly(),
    /** Only when policy dropped the packet, or denied the request, because no rule allowed it. */
    nearest: nearestRule.nullable().optional(),
    /** Then, too, who isolates the end. */
    ...isolation.partial().shape,
    /** Policy generation that judged. */
    generation: z.string(),
    /** Why, in words. */
    reason: z.string(),
    /** The end whose policy dropped the packet, or denied the request. */
    denied: z.enum(["ingress", "egress"]).optional(),
    /** Ends that would be judged otherwise if everything staged were in force. */
    staged: z.array(stagedOutcome).readonly().optional(),
    /** Of what is told of a connection after its first packet. */
    connection: flowConnection.optional(),
    /** Headers of a request that were not as the rule says that allowed it all the same. */
    http: z.object({ mismatches: z.array(z.string()).readonly() }).optional(),
    /** Of the beginning of a TLS connection, which Hubble has no field for. */
    tls: z.object({ serverName: z.string().nullable() }).optional(),
    /** What of a request to Kafka Hubble has no field for. */
    kafka: z.object({ clientId: z.string() }).optional(),
  }),
});
export type Flow = z.infer<typeof flow>;

/** Flows that nobody will see: the kernel's ring was full, or what the proxy had to tell, or the agent's ring went past a reader. */
export const lostFlows = z.object({
  lost_events: z.object({
    source: z.enum(["PERF_EVENT_RING_BUFFER", "OBSERVER_EVENTS_QUEUE", "HUBBLE_RING_BUFFER"]),
    num_events_lost: z.string(),
  }),
});
export type LostFlows = z.infer<typeof lostFlows>;

/** A line of the stream. */
export type FlowLine = Flow | LostFlows;
