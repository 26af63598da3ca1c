/** Events of the datapath as they come: every field of the record in the kernel's ring, decoded. */
import * as z from "zod";
import { flowQuery } from "./flow-filter.ts";

/** What an event tells of. */
const eventType = z.enum(["drop", "policy-verdict", "trace"]);

/** One end of the connection, in the direction in which it was opened. */
const eventEnd = z.object({
  identity: z.int(),
  addressClass: z.int(),
  /** 0: not on this node. */
  endpoint: z.int(),
  /** References of the rules that spoke; see `weir bpf policy list`. */
  rules: z.array(z.int()).readonly(),
  verdict: z.enum(["none", "allow", "deny", "pass", "redirect"]),
  match: z.enum(["none", "l3-only", "l3-l4", "l4-only", "all", "l3-protocol", "protocol-only"]),
});

const numbersOfEnds = z.object({ source: z.string(), destination: z.string() });

export const datapathEvent = z.object({
  /** Of the agent's run, from 0. */
  sequence: z.int(),
  time: z.string(),
  type: eventType,
  /** Hubble's name of why it was dropped; null: it was not. */
  reason: z.string().nullable(),
  /** The datapath's number of that; 0: none. */
  reasonNumber: z.int(),
  /** Where the packet was seen: `pod-egress`, `pod-ingress`, `netdev-ingress`, `netdev-egress`, `xdp`. */
  hook: z.string(),
  ifindex: z.int(),
  /** In the datapath's source, of a drop. */
  file: z.string().nullable(),
  line: z.int().nullable(),
  /** Policy generation that judged. */
  generation: z.string(),
  family: z.enum(["IPv4", "IPv6"]).nullable(),
  /** IANA's number. */
  protocol: z.int(),
  /** Of the packet. */
  source: z.string().nullable(),
  destination: z.string().nullable(),
  /** Of ICMP: the identifier. */
  sourcePort: z.int(),
  destinationPort: z.int(),
  tcpFlags: z.array(z.string()).readonly(),
  icmpType: z.int(),
  icmpCode: z.int(),
  isReply: z.boolean(),
  /** Bytes, Ethernet header included. */
  length: z.int(),
  ends: z.object({ source: eventEnd, destination: eventEnd }),
  /** Of a trace: the connection up to this packet, which counts, by who sent it. */
  packets: numbersOfEnds,
  bytes: numbersOfEnds,
  connection: z.array(z.string()).readonly(),
});
export type DatapathEvent = z.infer<typeof datapathEvent>;

/** The query of `GET /v1/events`: that of flows, and the type as the record has it. */
export const eventQuery = flowQuery.extend({
  type: z
    .union([eventType, z.array(eventType).max(8)])
    .optional()
    .transform((value) => (value === undefined ? [] : [value].flat())),
});
export type EventQuery = z.infer<typeof eventQuery>;
