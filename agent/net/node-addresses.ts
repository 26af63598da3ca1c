import { setTimeout as sleep } from "node:timers/promises";

import { getAddresses, type InterfaceAddress, parseAddress } from "#agent/netlink/address.ts";
import type { NetlinkConnection } from "#agent/netlink/connection.ts";
import { AddressFlag, Group } from "#agent/netlink/constants.ts";

import { NetlinkSocket } from "./netlink-socket.ts";

/**
 * Every address that packets to the node itself can carry: those of all devices of the
 * connection's namespace, the pods' gateway addresses among them, without loopback ones and
 * those that another host turned out to have. Sorted, each once.
 */
export function nodeAddresses(connection: NetlinkConnection): string[] {
  const addresses = connection.dump(getAddresses(), parseAddress).filter(isReachable);
  return [...new Set(addresses.map(({ address }) => address))].sort();
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
  using socket = (options.open ?? openHere)(Group.IPV4_ADDRESS | Group.IPV6_ADDRESS);
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

function isReachable({ address, flags }: InterfaceAddress): boolean {
  return !(flags & AddressFlag.DAD_FAILED) && !address.startsWith("127.") && address !== "::1";
}

function openHere(groups: number): NetlinkSocket {
  return NetlinkSocket.open(groups);
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
