import { constants } from "node:os";

import { ProxyMark } from "#agent/datapath/layouts.gen.ts";
import { libc } from "#agent/net/libc.ts";
import { datagramCalls } from "./native.ts";
import { AF_INET, type SocketAddress } from "./socket-address.ts";

const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_MARK = 36;
const SOL_IP = 0;
const IP_TRANSPARENT = 19;
const SOL_IPV6 = 41;
const IPV6_TRANSPARENT = 75;

/** How a resolver is called. */
export interface Calling {
  readonly client: SocketAddress;
  readonly resolver: SocketAddress;
  /** Whether the resolver has an address of the node: then the node calls it by itself, since an answer to the client would not come by here. */
  readonly isOnNode: boolean;
}

/**
 * A UDP socket that is connected to a resolver, so that the kernel lets nobody else's datagrams in, under the client's
 * own address, and its port unless that is taken.
 * @returns the descriptor, or a negative errno.
 */
export function openUpstreamSocket({ client, resolver, isOnNode }: Calling): number {
  const fd = libc().socket(resolver.family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fd;
  const placed = isOnNode ? 0 : takePlaceOf(fd, client);
  const connected = placed < 0 ? placed : datagramCalls().connect(fd, resolver.structure);
  if (connected >= 0) return fd;
  libc().close(fd);
  return connected;
}

function takePlaceOf(fd: number, client: SocketAddress): number {
  const options = [
    client.family === AF_INET ? [SOL_IP, IP_TRANSPARENT, 1] : [SOL_IPV6, IPV6_TRANSPARENT, 1],
    // One client may ask several resolvers from one port.
    [SOL_SOCKET, SO_REUSEADDR, 1],
    [SOL_SOCKET, SO_MARK, ProxyMark.PROXY_TO_SERVER],
  ] as const;
  for (const [level, option, value] of options) {
    const result = libc().setOption(fd, level, option, value);
    if (result < 0) return result;
  }
  const bound = libc().bind(fd, client.structure);
  return bound === -constants.errno.EADDRINUSE ? libc().bind(fd, client.withPort(0).structure) : bound;
}
