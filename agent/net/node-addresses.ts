import { setTimeout as sleep } from "node:timers/promises";

import { getAddresses, type InterfaceAddress, parseAddress } from "#agent/netlink/address.ts";
import type { NetlinkConnection } from "#agent/netlink/connection.ts";
import { AddressFlag, Family, Group, LOOPBACK_INDEX, RouteTable, RouteType } from "#agent/netlink/constants.ts";
import { isMissing } from "#agent/netlink/error.ts";
import { getLink, parseLink } from "#agent/netlink/link.ts";
import { getRoutes, parseRoute, type Route } from "#agent/netlink/route.ts";

import { NetlinkSocket } from "./netlink-socket.ts";

/** Types of routes whose packets the kernel delivers to the node itself. */
const deliveredTypes = new Set<number>([RouteType.LOCAL, RouteType.BROADCAST, RouteType.ANYCAST]);

/**
 * What a change of the local routes can be seen by. Not by the routes alone: IPv4 flushes
 * those of a device that goes down without a word.
 */
const groups = Group.LINK | Group.IPV4_ADDRESS | Group.IPV6_ADDRESS | Group.IPV4_ROUTE | Group.IPV6_ROUTE;

/**
 * Every address that packets to the node itself can carry, without loopback ones: those of
 * all devices of the connection's namespace, the pods' gateway addresses among them, but for
 * those that another host turned out to have; and those that the local table delivers here,
 * subnets' broadcast and anycast addresses among them. Sorted, each once.
 */
export function nodeAddresses(connection: NetlinkConnection): string[] {
  awaitChanges(connection);
  const addresses = connection.dump(getAddresses(), parseAddress).filter(isUsable);
  const routes = [Family.INET, Family.INET6].flatMap((family) => localRoutes(connection, family));
  const all = [...addresses.map(({ address }) => address), ...routes.flatMap(deliveredAddress)];
  return [...new Set(all)].filter((address) => !isLoopback(address)).sort();
}

/** The one address whose packets the route delivers to the node; none of a route to a prefix. */
export function deliveredAddress({ table, type, destination }: Route): string[] {
  if (table !== RouteTable.LOCAL || !deliveredTypes.has(type)) return [];
  const [address = "", bits] = destination.split("/");
  return bits === (address.includes(":") ? "128" : "32") ? [address] : [];
}

export interface WatchOptions {
  readonly signal: AbortSignal;
  /** Milliseconds; default 500. */
  readonly interval?: number;
  /** Opens a socket in the connection's namespace, where that is not the thread's own. */
  readonly open?: (groups: number) => NetlinkSocket;
}

/**
 * The node's addresses now, and again each time that they have become others.
 * Ends when the signal is given.
 *
 * Node cannot wait for a netlink socket, so the notifications are looked for every
 * `interval` milliseconds: one system call when there are none.
 */
export async function* watchNodeAddresses(
  connection: NetlinkConnection,
  options: WatchOptions,
): AsyncGenerator<string[], void> {
  // Opened before the first look, so that no change falls between.
  using socket = (options.open ?? openHere)(groups);
  let last = nodeAddresses(connection);
  yield last;
  while (await pause(options.interval ?? 500, options.signal)) {
    if (!socket.drain()) continue;
    const next = nodeAddresses(connection);
    if (next.join() === last.join()) continue;
    last = next;
    yield next;
  }
}

/**
 * The kernel tells of some changes before they are done: of an address before its routes, of
 * an IPv4 route before it goes, of a device that is down before its routes go. It holds RTNL
 * meanwhile, which reading one link waits for; newer kernels' dumps of routes do not.
 */
function awaitChanges(connection: NetlinkConnection): void {
  connection.get(getLink({ index: LOOPBACK_INDEX }), parseLink);
}

function localRoutes(connection: NetlinkConnection, family: number): Route[] {
  try {
    return connection.dump(getRoutes({ family, table: RouteTable.LOCAL }), parseRoute);
  } catch (error) {
    // A namespace without addresses has no such table yet.
    if (isMissing(error)) return [];
    throw error;
  }
}

function isUsable({ flags }: InterfaceAddress): boolean {
  return !(flags & AddressFlag.DAD_FAILED);
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

function openHere(bits: number): NetlinkSocket {
  return NetlinkSocket.open(bits);
}

/** False when the signal came. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(milliseconds, undefined, { signal });
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}
