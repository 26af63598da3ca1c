/** One packet's way through the datapath, as the API tells of it. */
import * as z from "zod";
import { flow } from "./flow.ts";
import { isolation, nearestRule, ruleDescription } from "./policy-views.ts";

export const tcpFlag = z.enum(["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"]);

export const traceRequest = z.strictObject({
  /** `NAMESPACE/POD`, or an address: the node's own, or one that is outside of it. */
  from: z.string().min(1).max(512),
  to: z.string().min(1).max(512),
  /** ICMP: an echo request, of ICMPv6 where the addresses are of IPv6. */
  protocol: z.enum(["TCP", "UDP", "SCTP", "ICMP"]),
  /** Destination port; of ICMP 0. */
  port: z.int().min(0).max(65_535),
  /** Of TCP; missing: SYN. */
  flags: z.array(tcpFlag).max(8).optional(),
  /** Missing: one by which no connection is known. Of ICMP the identifier. */
  sourcePort: z.int().min(1).max(65_535).optional(),
});
export type TraceRequest = z.infer<typeof traceRequest>;

/** What a look-up asked a map, and what it found there. */
const traceEntry = z.object({
  map: z.string(),
  key: z.record(z.string(), z.unknown()),
  /** Null: nothing. */
  value: z.record(z.string(), z.unknown()).nullable(),
});
export type TraceEntry = z.infer<typeof traceEntry>;

/** One question that a program, or the node's stack, has of the packet. */
const traceStage = z.object({
  stage: z.enum([
    "sender",
    "receiver",
    "prefilter",
    "connection",
    "source",
    "destination",
    "egress-policy",
    "ingress-policy",
    "limit",
    "node-policy",
    "masquerade",
    "route",
    "verdict",
    "next",
  ]),
  /** The answer, in words. */
  says: z.string(),
  entries: z.array(traceEntry).readonly(),
  /** The rules that gave it. */
  rules: z.array(ruleDescription).readonly().optional(),
});
export type TraceStage = z.infer<typeof traceStage>;

/** Where the packet came by. */
const traceStep = z.object({
  /** Null: the node's stack. */
  program: z
    .object({
      name: z.string(),
      /** The kernel's number of the program that is attached; null: it is not. */
      id: z.int().nullable(),
      /** Hash of the instructions that ran. */
      tag: z.string(),
      /** The tc or XDP action that it returned. */
      returned: z.int(),
    })
    .nullable(),
  interface: z.string().nullable(),
  ifindex: z.int().nullable(),
  outcome: z.enum(["next", "redirect", "drop"]),
  stages: z.array(traceStage).readonly(),
  /** What the program would tell of the packet: as `weir observe` shows it. */
  flows: z.array(flow).readonly(),
});
export type TraceStep = z.infer<typeof traceStep>;

const traceDirection = z.object({
  verdict: z.enum(["allow", "deny", "redirect"]),
  by: z.array(ruleDescription).readonly(),
  nearest: nearestRule.nullable(),
  ...isolation.partial().shape,
});
export type TraceDirection = z.infer<typeof traceDirection>;

export const trace = z.object({
  /** `deny`: it is dropped, whatever the reason. `redirect`: a rule asks for the proxy, which looks at the requests; where it does not work it is dropped. */
  verdict: z.enum(["allow", "deny", "redirect"]),
  /** What became of the packet, in words. */
  outcome: z.string(),
  /** Hubble's name of the reason of a drop. */
  dropReason: z.string().nullable(),
  egress: traceDirection,
  ingress: traceDirection,
  /** Policy generation that judged. */
  generation: z.int(),
  packet: z.object({
    source: z.string(),
    sourcePort: z.int(),
    destination: z.string(),
    destinationPort: z.int(),
    protocol: z.string(),
    flags: z.array(tcpFlag).readonly(),
    /** The Ethernet frame, in hexadecimal digits. */
    frame: z.string(),
  }),
  steps: z.array(traceStep).readonly(),
  /** Where programs, maps and policy contradict each other: there should be none. */
  differences: z.array(z.string()).readonly(),
});
export type Trace = z.infer<typeof trace>;
