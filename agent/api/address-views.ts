/** Who is behind which address, and why: as the kernel has it, with what has brought it there. */
import * as z from "zod";
import { ruleDescription } from "./policy-views.ts";

const labels = z.record(z.string(), z.string());

/** What says whose an address is: the record of a pod, a Node object, the agent of its own node and its ranges of pods, or nobody. */
export const addressSource = z.enum(["endpoint", "node-object", "own-address", "pod-range", "none"]);
export type AddressSource = z.infer<typeof addressSource>;

/** One prefix of the ipcache. */
export const addressView = z.object({
  prefix: z.string(),
  identity: z.int(),
  /** Those that the identity stands for. */
  labels,
  /** Which ranges of rules it is in; 0: none. */
  addressClass: z.int(),
  source: addressSource,
  /** Number of the endpoint of this node, and `NAMESPACE/POD`. */
  endpoint: z.int().nullable(),
  pod: z.string().nullable(),
  /** Name of the Node object. */
  node: z.string().nullable(),
  /** DNS names that stand for the address. */
  names: z.array(z.string()).readonly(),
});
export type AddressView = z.infer<typeof addressView>;

/** A node: this one, and those that objects speak of. */
export const nodeView = z.object({
  name: z.string(),
  /** Whether it is this agent's. */
  own: z.boolean(),
  addresses: z.array(z.string()).readonly(),
  podCidrs: z.array(z.string()).readonly(),
  labels,
  /** Null: there is no Node object; of this node the agent knows by itself. */
  file: z.string().nullable(),
  line: z.int().nullable(),
});
export type NodeView = z.infer<typeof nodeView>;

/** Something that happened on the way of an address into the kernel. */
export const addressHop = z.object({
  /** RFC 3339; null: nobody has written down when. */
  time: z.string().nullable(),
  /** `store`, `endpoint`, `policy` or `ipcache`. */
  stage: z.enum(["store", "endpoint", "policy", "ipcache"]),
  what: z.string(),
});
export type AddressHop = z.infer<typeof addressHop>;

/** Why an address has the identity that it has. */
export const addressReasons = z.object({
  address: z.string(),
  /** Whether anybody has said whose it is; if not, it is the world's. */
  known: z.boolean(),
  /** The longest prefix that the kernel has, whose answer counts; null: none, and so it is the world's. */
  kernel: z.object({ prefix: z.string(), identity: z.int(), addressClass: z.int() }).nullable(),
  /** What it should say by all that the agent knows now. */
  agent: z.object({ prefix: z.string(), identity: z.int() }).nullable(),
  /** Whether both say the same; if not, a change is on its way or was refused. */
  agree: z.boolean(),
  identity: z.int(),
  labels,
  source: addressSource,
  /** What the source is, in a sentence. */
  because: z.string(),
  /** DNS names that stand for the address. */
  names: z.array(z.string()).readonly(),
  /** Rules that speak of ranges that cover the address, or (`cidr` is then the name or pattern) of one of its names. */
  rules: z.array(ruleDescription.extend({ cidr: z.string() })).readonly(),
  /** Policy revision in force. */
  revision: z.int(),
  /** The identity's key in the store; `revision` null: the store did not answer, or has none. Null: the number is fixed, or this node's alone. */
  store: z.object({ kind: z.string(), key: z.string(), revision: z.string().nullable() }).nullable(),
  /** Oldest first; those without a time in front. */
  hops: z.array(addressHop).readonly(),
  /** Of an address that nobody knows: what would make it known. */
  remedies: z.array(z.string()).readonly(),
});
export type AddressReasons = z.infer<typeof addressReasons>;

export const addressQuery = z.strictObject({ address: z.union([z.ipv4(), z.ipv6()], "is not an address") });
