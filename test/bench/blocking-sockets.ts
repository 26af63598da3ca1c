/**
 * Blocking sockets and a thread's clock, straight from the C library: Node's own sockets
 * cost ten times what is measured here. For processes that do nothing else.
 */
import koffi from "koffi";

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_CONGESTION = 13;
const SHUT_WR = 1;
const CLOCK_THREAD_CPUTIME_ID = 3;

/** Seconds after which a call gives up: a lost datagram must not hold the bench for ever. */
const patience = 5;

const library = koffi.load("libc.so.6");

/** A C function that gives a negative number on failure; its errno is thrown then. */
function call(prototype: string): (...values: unknown[]) => number {
  const native = library.func(prototype) as (...values: unknown[]) => number;
  return (...values) => {
    const result = native(...values);
    if (result < 0) throw new Error(`call ${prototype.split("(")[0]}: errno ${koffi.errno()}`);
    return result;
  };
}

const socket = call("int socket(int domain, int type, int protocol)");
const setsockopt = call("int setsockopt(int fd, int level, int option, const void *value, uint32_t length)");
const bind = call("int bind(int fd, const void *address, uint32_t length)");
const connect = call("int connect(int fd, const void *address, uint32_t length)");
const listen = call("int listen(int fd, int backlog)");
const accept = call("int accept(int fd, void *address, void *length)");
const recvfrom = call("intptr_t recvfrom(int fd, void *bytes, size_t size, int flags, void *address, void *length)");
const send = call("intptr_t send(int fd, const void *bytes, size_t length, int flags)");
const recv = call("intptr_t recv(int fd, void *bytes, size_t size, int flags)");
const shutdown = call("int shutdown(int fd, int how)");
const close = call("int close(int fd)");
const clock = call("int clock_gettime(int clock, void *time)");

const one = Int32Array.of(1);
const timeout = BigInt64Array.of(BigInt(patience), 0n);
const now = new BigInt64Array(2);

/** `struct sockaddr_in` of an IPv4 address. */
export function socketAddress(address: string, port: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port);
  bytes.set(address.split(".").map(Number), 4);
  return bytes;
}

function open(type: number): number {
  const fd = socket(AF_INET, type, 0);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeout, 16);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, timeout, 16);
  return fd;
}

/** A listening TCP socket; what it accepts has its options: TCP_NODELAY and the time limits. */
export function listenTcp(port: number): number {
  const fd = open(SOCK_STREAM);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, one, 4);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, one, 4);
  bind(fd, socketAddress("0.0.0.0", port), 16);
  listen(fd, 128);
  return fd;
}

export function bindUdp(port: number): number {
  const fd = open(SOCK_DGRAM);
  bind(fd, socketAddress("0.0.0.0", port), 16);
  return fd;
}

export function connectUdp(to: Uint8Array): number {
  const fd = open(SOCK_DGRAM);
  connect(fd, to, 16);
  return fd;
}

/** Receives the first datagram of a client and connects the socket to it. */
export function meetClient(fd: number, buffer: Uint8Array): number {
  const address = new Uint8Array(16);
  const length = recvfrom(fd, buffer, buffer.length, 0, address, Int32Array.of(16));
  connect(fd, address, 16);
  return length;
}

/** A connection of which much is asked: TCP_NODELAY and time limits are set. */
/** @param control Name of a congestion control; empty: the namespace's own. */
export function connectTcp(to: Uint8Array, control = ""): number {
  const fd = open(SOCK_STREAM);
  if (control !== "") setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, Buffer.from(control), control.length);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, one, 4);
  connect(fd, to, 16);
  return fd;
}

/** A connection for one request: no call more than it takes. */
export function connectBriefly(to: Uint8Array): number {
  const fd = socket(AF_INET, SOCK_STREAM, 0);
  connect(fd, to, 16);
  return fd;
}

export function acceptTcp(listener: number): number {
  return accept(listener, null, null);
}

/** Gives how many bytes the kernel took. */
export function sendBytes(fd: number, bytes: Uint8Array): number {
  return send(fd, bytes, bytes.length, 0);
}

/** Gives how many bytes came; 0 when the other side has closed. */
export function receiveBytes(fd: number, buffer: Uint8Array): number {
  return recv(fd, buffer, buffer.length, 0);
}

/** Tells the other side that no more will come. */
export function endSending(fd: number): void {
  shutdown(fd, SHUT_WR);
}

export function closeSocket(fd: number): void {
  close(fd);
}

/** Nanoseconds that this thread has had a CPU. */
export function threadTime(): number {
  clock(CLOCK_THREAD_CPUTIME_ID, now);
  return Number(now[0]) * 1e9 + Number(now[1]);
}
