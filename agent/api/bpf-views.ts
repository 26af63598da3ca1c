/** Decoded contents of the datapath's maps. Peers are identities or address classes. */
import * as z from "zod";

const slotDecision = z.object({
  verdict: z.enum(["allow", "deny", "redirect", "pass"]),
  precedence: z.int(),
  /** Of a redirect: a rule of its tier allows the same without the proxy. */
  isPlain: z.boolean(),
  /** Of a redirect: new connections pass as long as the proxy does not work. */
  failsOpen: z.boolean(),
  /** Rule reference; 0: no rule. */
  rule: z.int(),
  /** Rule reference of the rule whose limit counts; 0: none. */
  limit: z.int(),
  /** RFC 3339: from when on it does not hold; null: it has no end. */
  notAfter: z.string().nullable(),
});
export type BpfPolicyDecision = z.infer<typeof slotDecision>;

/** One entry of an inner policy map. */
export const bpfPolicyEntry = slotDecision.extend({
  slot: z.int(),
  /** Endpoints that are judged by this slot now. */
  endpoints: z.array(z.int()).readonly(),
  direction: z.enum(["ingress", "egress"]),
  /** Identity or address class; 0: anybody. */
  peer: z.int(),
  /** IP protocol number; 0: any. */
  protocol: z.int(),
  /** Only the leading `portBits` of its 16 bits count. */
  port: z.int(),
  portBits: z.int(),
  /** What counts where the highest precedence of all look-ups passes. */
  below: slotDecision.nullable(),
});
export type BpfPolicyEntry = z.infer<typeof bpfPolicyEntry>;

const connectionEnd = z.object({
  packets: z.number(),
  bytes: z.number(),
  /** `none`: not judged at this end. */
  verdict: z.enum(["none", "allow", "deny", "redirect"]),
  rules: z.array(z.int()).readonly(),
});

/** One connection, in its original direction. */
export const bpfConnection = z.object({
  /** `TCP`, `UDP`, ..., or the number. */
  protocol: z.string(),
  source: z.string(),
  sourcePort: z.int(),
  destination: z.string(),
  destinationPort: z.int(),
  /** Seconds from now until it is forgotten; negative: it is waiting to be swept. */
  expiresIn: z.number(),
  /** Policy generation under which its verdicts were found. */
  generation: z.int(),
  seenReply: z.boolean(),
  closing: z.boolean(),
  /** `cut`: policy, or a limit, did not let it go on when a packet of it came last; its verdicts are those of before. */
  state: z.enum(["unanswered", "open", "closing", "cut"]),
  from: connectionEnd,
  to: connectionEnd,
});
export type BpfConnection = z.infer<typeof bpfConnection>;

/** One masqueraded flow. Of an echo the identifier stands as port, and the destination has none. */
export const bpfMapping = z.object({
  protocol: z.string(),
  source: z.string(),
  sourcePort: z.int(),
  /** The node's address and port, as which the destination sees the source. */
  translated: z.string(),
  translatedPort: z.int(),
  destination: z.string(),
  destinationPort: z.int(),
  /** Seconds from now until it is forgotten; negative: it is waiting to be swept. */
  expiresIn: z.number(),
  state: z.enum(["unanswered", "open", "closing"]),
});
export type BpfMapping = z.infer<typeof bpfMapping>;

const address = z.union([z.ipv4(), z.ipv6()], "is not an address");
const port = z
  .string()
  .regex(/^\d{1,5}$/, "is not a port")
  .transform(Number)
  .refine((value) => value <= 65_535, "is not a port");

/** Which connections, or masqueraded flows: all that is given must match, in the original direction. */
export const bpfTupleQuery = z.strictObject({
  /** Number of the endpoint at either end; of a masqueraded flow, the one that it is of. */
  endpoint: z
    .string()
    .regex(/^\d{1,15}$/, "is not a number")
    .transform(Number)
    .optional(),
  protocol: z.string().min(1).max(16).optional(),
  source: address.optional(),
  sourcePort: port.optional(),
  destination: address.optional(),
  destinationPort: port.optional(),
});
export type BpfTupleQuery = z.infer<typeof bpfTupleQuery>;

/** What a flush has removed. A masqueraded flow has two entries. */
export const bpfFlush = z.object({ entries: z.int() });
export type BpfFlush = z.infer<typeof bpfFlush>;

/** The longest prefix of the ipcache that covers an address. */
export const bpfAddressQuery = z.strictObject({ address });

export const bpfIpcacheEntry = z.object({ prefix: z.string(), identity: z.int(), addressClass: z.int() });
export type BpfIpcacheEntry = z.infer<typeof bpfIpcacheEntry>;

export const bpfCounter = z.object({
  /** Hubble's name of the drop reason, or `FORWARDED`. */
  reason: z.string(),
  /** Its number, also Hubble's; 0: the packets passed. */
  reasonCode: z.int(),
  direction: z.enum(["ingress", "egress"]),
  /** `pod-egress`, `pod-ingress`, `netdev-ingress`, `netdev-egress` (the node's own devices), `xdp` (those, before tc). */
  hook: z.string(),
  /** Of the datapath's source, for drops. */
  file: z.string().nullable(),
  line: z.int().nullable(),
  packets: z.number(),
  bytes: z.number(),
});
export type BpfCounter = z.infer<typeof bpfCounter>;

/** A program where it stands. */
export const bpfLink = z.object({
  interface: z.string(),
  /** The interface's own view: what a pod sends comes in by the host's side of its veth. */
  hook: z.enum(["ingress", "egress", "xdp"]),
  attach: z.enum(["tcx", "clsact", "xdp"]),
  program: z.string(),
  /** The kernel's number of the program, as `bpftool prog` shows it. */
  programId: z.int(),
  tag: z.string(),
});
export type BpfLinkView = z.infer<typeof bpfLink>;

export const bpfEndpoint = z.object({
  id: z.int(),
  address: z.string(),
  ifindex: z.int(),
  incarnation: z.int(),
  identity: z.int(),
  /** Policy slot, by the parity of the generation. */
  policy: z.tuple([z.int(), z.int()]).readonly(),
  mac: z.string(),
  hostMac: z.string(),
  viaStack: z.boolean(),
});
export type BpfEndpoint = z.infer<typeof bpfEndpoint>;

/** A limit of what an endpoint may send or receive. */
export const bpfBandwidth = z.object({
  endpoint: z.int(),
  direction: z.enum(["ingress", "egress"]),
  /** Bits a second. */
  rate: z.number(),
  /** Milliseconds of the rate that may pass at once after a rest. */
  burst: z.number(),
  /** What came too fast. */
  droppedPackets: z.number(),
  /** With the headers that every segment has on the wire. */
  droppedBytes: z.number(),
});
export type BpfBandwidth = z.infer<typeof bpfBandwidth>;
