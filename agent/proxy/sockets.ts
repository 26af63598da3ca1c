/** Sockets that stand in for others: listeners that take connections to any address, callers under a client's address. */
import { connect, Socket } from "node:net";
import { ProxyMark } from "#agent/datapath/layouts.gen.ts";
import { parseIp } from "#agent/netlink/ip.ts";
import { errnoName, libc } from "#agent/net/libc.ts";
import { ProxyError } from "./errors.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_FLAGS = 0x800 | 0x80000; // SOCK_NONBLOCK, SOCK_CLOEXEC

const SOL_IP = 0;
const IP_TRANSPARENT = 19;
const IP_RECVORIGDSTADDR = 20;
const IP_BIND_ADDRESS_NO_PORT = 24;

const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_KEEPALIVE = 9;
const SO_RCVBUFFORCE = 33;
const SO_MARK = 36;

const SOL_TCP = 6;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;

const SOL_IPV6 = 41;
const IPV6_V6ONLY = 26;
const IPV6_RECVORIGDSTADDR = 74;
const IPV6_TRANSPARENT = 75;

/** Connections that wait to be accepted; the kernel takes its own `net.core.somaxconn` where that is less. */
export const BACKLOG = 4096;
/** Bytes of datagrams that wait: names are asked for in bursts. */
const DATAGRAMS = 4 * 1024 * 1024;
/** Seconds without a byte after which the kernel asks whether the other end is still there, and between two such questions. */
const KEEP_IDLE = 300;
const KEEP_INTERVAL = 30;

type Option = readonly [level: number, option: number, value: number];
type Family = 4 | 6;

const transparent = (family: Family): Option =>
  family === 4 ? [SOL_IP, IP_TRANSPARENT, 1] : [SOL_IPV6, IPV6_TRANSPARENT, 1];

/** Inherited by the connections that a listener accepts. */
const tcpOptions: readonly Option[] = [
  [SOL_TCP, TCP_NODELAY, 1],
  [SOL_SOCKET, SO_KEEPALIVE, 1],
  [SOL_TCP, TCP_KEEPIDLE, KEEP_IDLE],
  [SOL_TCP, TCP_KEEPINTVL, KEEP_INTERVAL],
];

/** The order of `enum proxy_listener`. */
export const listenerKinds = [
  { protocol: "TCP", family: 4 },
  { protocol: "TCP", family: 6 },
  { protocol: "UDP", family: 4 },
  { protocol: "UDP", family: 6 },
] as const;
export type ListenerKind = (typeof listenerKinds)[number];

/**
 * A transparent socket on the loopback address, on a port that the kernel chooses; what it sends has the mark of the client's side.
 * TCP: it listens. UDP: each datagram comes with the address that it was sent to.
 *
 * @returns a descriptor; null where the machine does not have the family.
 * @throws ProxyError `socket`.
 */
export function openListener({ protocol, family }: ListenerKind): number | null {
  const isTcp = protocol === "TCP";
  const fd = libc().socket(family === 4 ? AF_INET : AF_INET6, (isTcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_FLAGS, 0);
  if (errnoName(fd) === "EAFNOSUPPORT") return null;
  const asked = `listen for ${protocol} over IPv${family}`;
  const failed = (result: number): ProxyError => {
    libc().close(fd);
    const remedy = "the proxy has to be root, with CAP_NET_ADMIN";
    return new ProxyError("socket", { asked, obstacle: errnoName(result), remedy });
  };
  if (fd < 0) throw new ProxyError("socket", { asked, obstacle: errnoName(fd) });
  const own: Option = family === 4 ? [SOL_IP, IP_RECVORIGDSTADDR, 1] : [SOL_IPV6, IPV6_RECVORIGDSTADDR, 1];
  const options: Option[] = [transparent(family), [SOL_SOCKET, SO_MARK, ProxyMark.PROXY_TO_CLIENT]];
  if (family === 6) options.push([SOL_IPV6, IPV6_V6ONLY, 1]);
  options.push(...(isTcp ? tcpOptions : [own, [SOL_SOCKET, SO_RCVBUFFORCE, DATAGRAMS] as const]));
  const wrong = firstFailure(fd, options);
  if (wrong < 0) throw failed(wrong);
  const bound = libc().bind(fd, socketAddress(family === 4 ? "127.0.0.1" : "::1", 0));
  const listening = bound < 0 || !isTcp ? bound : libc().listen(fd, BACKLOG);
  if (listening < 0) throw failed(listening);
  return fd;
}

/** The port that a socket is bound to. */
export function boundPort(fd: number): number {
  const address = new Uint8Array(28);
  const length = libc().socketName(fd, address);
  if (length < 0)
    throw new ProxyError("socket", { asked: `ask for the port of socket ${fd}`, obstacle: errnoName(length) });
  return new DataView(address.buffer).getUint16(2);
}

export interface Call {
  readonly source: string;
  /** 0: any. */
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

/**
 * A socket that is calling a server under the client's address and port; paused.
 *
 * @throws NodeJS.ErrnoException: the port, or the address, is not to be had.
 */
export function call({ source, sourcePort, destination, destinationPort }: Call): Socket {
  const family = source.includes(":") ? 6 : 4;
  const fd = libc().socket(family === 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_FLAGS, 0);
  if (fd < 0) throw systemError("socket", fd);
  const options: Option[] = [
    transparent(family),
    [SOL_SOCKET, SO_MARK, ProxyMark.PROXY_TO_SERVER],
    sourcePort === 0 ? [SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1] : [SOL_SOCKET, SO_REUSEADDR, 1],
    ...tcpOptions,
  ];
  const wrong = firstFailure(fd, options);
  const bound = wrong < 0 ? wrong : libc().bind(fd, socketAddress(source, sourcePort));
  if (bound < 0) {
    libc().close(fd);
    throw systemError("bind", bound);
  }
  const socket = new Socket({ fd, allowHalfOpen: true });
  return socket.pause().connect({ host: destination, port: destinationPort });
}

/** A socket that is calling a server under the node's own address; paused. */
export function callAsNode(host: string, port: number): Socket {
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
  return socket.pause();
}

/** `struct sockaddr_in` or `sockaddr_in6`. */
function socketAddress(address: string, port: number): Uint8Array {
  const bytes = parseIp(address) ?? new Uint8Array(4);
  const isIpv4 = bytes.length === 4;
  const view = new DataView(new ArrayBuffer(isIpv4 ? 16 : 28));
  view.setUint16(0, isIpv4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  const structure = new Uint8Array(view.buffer);
  structure.set(bytes, isIpv4 ? 4 : 8);
  return structure;
}

function firstFailure(fd: number, options: readonly Option[]): number {
  for (const [level, option, value] of options) {
    const result = libc().setOption(fd, level, option, value);
    if (result < 0) return result;
  }
  return 0;
}

function systemError(syscall: string, result: number): NodeJS.ErrnoException {
  const code = errnoName(result);
  return Object.assign(new Error(`${syscall} ${code}`), { errno: result, code, syscall });
}

/** Whether an address or port could not be had: another one may. */
export function isTaken(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : null;
  return code === "EADDRINUSE" || code === "EADDRNOTAVAIL";
}
