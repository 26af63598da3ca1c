import type { AddressPair } from "#agent/ipam/lease.ts";
import type { AskedBandwidth } from "./bandwidth.ts";

/** Where an endpoint's addresses come from. */
export type EndpointAddresses =
  | { readonly from: "pool"; readonly pool?: string | undefined; readonly addresses: readonly string[] }
  /** Another plugin gave them, and takes them back. */
  | ({ readonly from: "elsewhere"; readonly gateway?: AddressPair } & AddressPair);

/** Another plugin's veth, behind which we are chained. */
export interface ForeignDevice {
  readonly hostInterface: string;
  readonly mac: string;
  readonly hostMac: string;
  /** Bytes of an IP packet. */
  readonly mtu: number;
}

/** An interface of a container that is to be attached. */
export interface NewEndpoint {
  /** Of the call that asks for it. */
  readonly token: string;
  /** Name of the network configuration. */
  readonly network: string;
  readonly containerId: string;
  readonly ifName: string;
  /** Path and inode of the container's network namespace. */
  readonly netns: string;
  readonly netnsInode: number;
  readonly namespace: string;
  readonly pod: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount?: string | undefined;
  readonly addresses: EndpointAddresses;
  /** Absent: the device is ours. */
  readonly device?: ForeignDevice | undefined;
  /** Of the container's side; absent: a random one. */
  readonly mac?: string | undefined;
  /** Bytes of an IP packet; absent, or larger than the node's: the node's. */
  readonly mtu?: number | undefined;
  readonly bandwidth?: AskedBandwidth | undefined;
  readonly viaStack: boolean;
}
