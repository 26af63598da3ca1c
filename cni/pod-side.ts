import { writeFileSync } from "node:fs";

import type { Attachment, AttachmentAddress } from "#agent/api/attachment.ts";
import { addAddress } from "#agent/netlink/address.ts";
import { isExisting, isMissing, NetlinkError } from "#agent/netlink/error.ts";
import { createVeth, getLink, type Link, parseLink, setLink } from "#agent/netlink/link.ts";
import type { NetlinkConnection } from "#agent/netlink/connection.ts";
import { setNeighbour } from "#agent/netlink/neighbour.ts";
import { addRoute, type RouteSpec } from "#agent/netlink/route.ts";

import { CniError, ErrorCode } from "./errors.ts";
import type { Namespace } from "./namespace.ts";

/** The device of that name, or undefined when there is none. */
export function findLink(connection: NetlinkConnection, name: string): Link | undefined {
  try {
    return connection.get(getLink({ name }), parseLink);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** @throws CniError INTERFACE_EXISTS: another plugin's, or an ADD without a DEL before it. */
export function refuseExisting(namespace: Namespace, ifName: string): void {
  if (findLink(namespace.connection, ifName)) {
    const message = `interface ${ifName} exists already in ${namespace.path}`;
    throw new CniError(ErrorCode.INTERFACE_EXISTS, message);
  }
}

/**
 * Creates the veth, its container side at once in the container under its final name, so
 * that it never shows up in the node. Both sides are down.
 */
export function createInterface(host: NetlinkConnection, namespace: Namespace, ifName: string, to: Attachment): Link {
  const { hostInterface, hostMac, mac, mtu } = to;
  const peer = { name: ifName, mac, netnsFd: namespace.fd };
  host.execute(createVeth({ name: hostInterface, mac: hostMac, mtu, peer }));
  const link = findLink(host, hostInterface);
  if (link) return link;
  throw new CniError(ErrorCode.NETWORK, `find interface ${hostInterface}: it vanished after it was created`);
}

/**
 * Brings the container's side up with its addresses, and with routes that lead everything
 * through the gateway address, which stands for the node. The gateway's MAC address is
 * written down, so that no packet waits for an answer.
 */
export function configureInterface(namespace: Namespace, ifName: string, attachment: Attachment): void {
  const { connection } = namespace;
  const { index } = connection.get(getLink({ name: ifName }), parseLink);
  namespace.inside(() => configureIpv6(ifName, attachment.ipv6 !== null));
  connection.execute(setLink({ index, up: true }));
  for (const family of [attachment.ipv4, attachment.ipv6]) {
    if (family) configureFamily(connection, index, family, attachment.hostMac);
  }
}

function configureFamily(
  connection: NetlinkConnection,
  index: number,
  { address, prefix, gateway }: AttachmentAddress,
  hostMac: string,
): void {
  const isIpv6 = gateway.includes(":");
  connection.execute(addAddress({ index, address, prefix, noDad: true }));
  connection.execute(setNeighbour({ index, address: gateway, mac: hostMac }));
  addFirstOrLater(connection, { destination: `${gateway}/${isIpv6 ? 128 : 32}`, index });
  addFirstOrLater(connection, { destination: isIpv6 ? "::/0" : "0.0.0.0/0", gateway, index });
}

/**
 * Adds a route. Where a container's earlier interface has it already, that one stays the
 * preferred one, and this comes behind it.
 */
function addFirstOrLater(connection: NetlinkConnection, route: RouteSpec & { index: number }): void {
  try {
    connection.execute(addRoute(route));
  } catch (error) {
    if (!isExisting(error)) throw error;
    connection.execute(addRoute({ ...route, metric: 10_000 + route.index }));
  }
}

/**
 * Some runtimes switch IPv6 off in their namespaces, and the kernel on by default: the
 * attachment decides. A link-local address that nobody routes would only make noise.
 */
function configureIpv6(ifName: string, wanted: boolean): void {
  const folder = `/proc/sys/net/ipv6/conf/${ifName}`;
  try {
    writeFileSync(`${folder}/disable_ipv6`, wanted ? "0" : "1");
    // The agent says where packets go, not whoever answers first.
    if (wanted) writeFileSync(`${folder}/accept_ra`, "0");
  } catch (error) {
    // A kernel without IPv6 has no such setting.
    if (!wanted && (error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw new CniError(ErrorCode.NETWORK, `configure IPv6 of ${ifName}: ${(error as Error).message}`, "", {
      cause: error,
    });
  }
}

/** Gives errors of netlink the binary's code. */
export function asCniError(error: unknown): CniError {
  if (error instanceof CniError) return error;
  if (error instanceof NetlinkError) {
    return new CniError(ErrorCode.NETWORK, error.message, "", { cause: error });
  }
  const { message = String(error), stack = "" } = error as Partial<Error>;
  return new CniError(ErrorCode.INTERNAL, message, stack, { cause: error });
}
