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
