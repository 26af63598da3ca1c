/**
 * Calls of the C library for many datagrams at once. The one file of this folder that speaks koffi, which checks no
 * bounds: buffers are of the right size, and outside V8's heap, whose objects move.
 */
import koffi from "koffi";

/** Each call gives what the C function gives, or a negative errno. */
export interface DatagramCalls {
  connect(fd: number, address: Uint8Array): number;
  /** Takes up to `count` datagrams into a vector of `struct mmsghdr`, without waiting. */
  receiveMany(fd: number, vector: Uint8Array, count: number): number;
  createEpoll(): number;
  /** Watches a descriptor until it is closed; `event` is a `struct epoll_event`. */
  watch(epoll: number, fd: number, event: Uint8Array): number;
  /** Does not wait. How many events, which are in `events`. */
  ready(epoll: number, events: Uint8Array, count: number): number;
}

const MSG_DONTWAIT = 0x40;
const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;

let loaded: DatagramCalls | undefined;

/** The bindings; loaded at the first call. */
export function datagramCalls(): DatagramCalls {
  return (loaded ??= load());
}

/** For structures that hold pointers. */
export function addressOf(buffer: Uint8Array): bigint {
  return koffi.address(buffer);
}

/** Calls back whenever the descriptor is readable, through the event loop's own poll, until the watch is disposed of. */
export function whenReadable(fd: number, callback: () => void): Disposable {
  const handle = koffi.node.poll(fd, { readable: true }, callback);
  return { [Symbol.dispose]: () => handle.close() };
}

function load(): DatagramCalls {
  const library = koffi.load("libc.so.6");
  const connect = library.func("int connect(int fd, const void *address, uint32_t length)");
  const recvmmsg = library.func("int recvmmsg(int fd, void *vector, uint32_t count, int flags, void *timeout)");
  const create = library.func("int epoll_create1(int flags)");
  const control = library.func("int epoll_ctl(int epoll, int operation, int fd, const void *event)");
  const wait = library.func("int epoll_wait(int epoll, void *events, int count, int timeout)");
  const checked = (result: number): number => (result < 0 ? -koffi.errno() : result);
  return {
    connect: (fd, address) => checked(connect(fd, address, address.length)),
    receiveMany: (fd, vector, count) => checked(recvmmsg(fd, vector, count, MSG_DONTWAIT, null)),
    createEpoll: () => checked(create(EPOLL_CLOEXEC)),
    watch: (epoll, fd, event) => checked(control(epoll, EPOLL_CTL_ADD, fd, event)),
    ready: (epoll, events, count) => checked(wait(epoll, events, count, 0)),
  };
}
