import type { Attachment, AttachmentAddress } from "#agent/api/attachment.ts";

import { type CniVersion, isAtLeast } from "./cni-version.ts";
import type { Dns } from "./config.ts";

export interface ResultInput {
  readonly attachment: Attachment;
  readonly ifName: string;
  /** Path of the container's network namespace. */
  readonly netns: string;
  readonly dns: Dns | undefined;
}

/** Index of the container's side in the result's list of interfaces. */
const podInterface = 1;

/**
 * The result of ADD, in the shape of the version that the configuration asks for:
 * addresses say their family until 1.0.0, interfaces their MTU since 1.1.0.
 */
export function addResult(version: CniVersion, { attachment, ifName, netns, dns }: ResultInput): object {
  const { hostInterface, hostMac, mac, ipv4, ipv6 } = attachment;
  const mtu = isAtLeast(version, "1.1.0") ? { mtu: attachment.mtu } : {};
  return {
    cniVersion: version,
    interfaces: [
      { name: hostInterface, mac: hostMac, ...mtu },
      { name: ifName, mac, ...mtu, sandbox: netns },
    ],
    ips: [...(ipv4 ? [addressResult(version, "4", ipv4)] : []), ...(ipv6 ? [addressResult(version, "6", ipv6)] : [])],
    routes: [
      ...(ipv4 ? [{ dst: "0.0.0.0/0", gw: ipv4.gateway }] : []),
      ...(ipv6 ? [{ dst: "::/0", gw: ipv6.gateway }] : []),
    ],
    ...(dns ? { dns } : {}),
  };
}

function addressResult(
  version: CniVersion,
  family: "4" | "6",
  { address, prefix, gateway }: AttachmentAddress,
): object {
  return {
    ...(isAtLeast(version, "1.0.0") ? {} : { version: family }),
    address: `${address}/${prefix}`,
    gateway,
    interface: podInterface,
  };
}
