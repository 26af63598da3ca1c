import * as z from "zod";
import { askedBandwidth } from "./bandwidth.ts";

/**
 * What is kept of an endpoint on disk, one JSON file each: all that a restart needs to
 * take the endpoint over, and the reservation of its addresses.
 */
export const endpointRecord = z.object({
  version: z.literal(1),
  id: z.int().min(1).max(65535),
  /** Never used twice; tells a new pod on an old address from the old one. */
  incarnation: z.int().min(1).max(0xffffffff),
  /** Of the ADD call that made it: a call that is made again is answered again. */
  token: z.string().default(""),
  /** Name of the network configuration; empty: an agent of old did not keep it. */
  network: z.string().default(""),
  /** Whether the device is ours, or another plugin's, behind which we are chained. */
  kind: z.enum(["veth", "chained"]).default("veth"),
  containerId: z.string(),
  ifName: z.string(),
  hostInterface: z.string(),
  /** Path and inode of the container's network namespace. */
  netns: z.string(),
  netnsInode: z.int().nullable(),
  namespace: z.string(),
  pod: z.string(),
  /** Labels and service account that ADD brought; a Pod object's go before them. */
  labels: z.record(z.string(), z.string()),
  serviceAccount: z.string(),
  ipv4: z.string().nullable(),
  ipv6: z.string().nullable(),
  /** Where the addresses go back to; null: another plugin gave them. */
  pool: z.string().nullable().default("default"),
  /** The addresses that the pod knows the node by, where they are not the pool's gateway. */
  gateway: z.object({ ipv4: z.string().nullable(), ipv6: z.string().nullable() }).optional(),
  /** Whether its packets have to pass the node's stack, where others translate addresses. */
  viaStack: z.boolean().default(false),
  /** Whether its container had an interface of ours before this one. */
  secondary: z.boolean().default(false),
  mac: z.string(),
  hostMac: z.string(),
  mtu: z.int(),
  /** That ADD asked for; a Pod object's annotations go before it. Missing: none. */
  bandwidth: askedBandwidth.optional(),
  /** Host side, in the agent's namespace; null until the interface exists. */
  ifindex: z.int().nullable(),
  /** 0 until the endpoint takes part. */
  identity: z.int(),
  state: z.enum(["waiting", "ready"]),
  created: z.string(),
});
export type EndpointRecord = z.infer<typeof endpointRecord>;
