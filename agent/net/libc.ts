/** The C library's calls that Node has no word for. The one file of this folder that speaks koffi. */
import { constants } from "node:os";

import koffi from "koffi";

/** Each call gives what the C function gives, or a negative errno. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array): number;
  listen(fd: number, backlog: number): number;
  /** The length of the address that the socket is bound to, as getsockname(2) writes it. */
  socketName(fd: number, address: Uint8Array): number;
  setOption(fd: number, level: number, option: number, value: number): number;
  /** The length of the option's value; -ERANGE where it does not fit. */
  getOption(fd: number, level: number, option: number, value: Uint8Array): number;
  send(fd: number, bytes: Uint8Array): number;
  /** To an address, as sendto(2) takes it. */
  sendTo(fd: number, bytes: Uint8Array, address: Uint8Array): number;
  /** On a thread of the pool. Gives -EIO for any error: another thread's errno cannot be read. */
  sendElsewhere(fd: number, bytes: Uint8Array): Promise<number>;
  /** Does not wait. The length of the datagram, even where it did not fit into the buffer. */
  receive(fd: number, buffer: Uint8Array): number;
  close(fd: number): number;
  setns(fd: number, kind: number): number;
  /** Takes the exclusive lock of flock(2); -EWOULDBLOCK when another process has it. */
  lockFile(fd: number): number;
  /** A descriptor of a process: pidfd_open(2), since Linux 5.3. */
  processDescriptor(pid: number): number;
  /** A copy of a descriptor that another process has: pidfd_getfd(2), since Linux 5.6. It is closed on exec. */
  copyDescriptor(process: number, fd: number): number;
}

const LOCK_EX_NB = 2 | 4;

/** The same on all machines. */
const SYS_PIDFD_OPEN = 434;
const SYS_PIDFD_GETFD = 438;

const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;

let loaded: Libc | undefined;

/** The bindings; loaded at the first call. */
export function libc(): Libc {
  return (loaded ??= load());
}

/** The name of a negative errno that one of these calls gave, e.g. `EAGAIN`. */
export function errnoName(result: number): string {
  const entry = Object.entries(constants.errno).find(([, number]) => number === -result);
  return entry?.[0] ?? `errno ${-result}`;
}

function load(): Libc {
  const library = koffi.load("libc.so.6");
  const wrap = (native: (...values: unknown[]) => unknown) => {
    return (...values: unknown[]): number => {
      const result = Number(native(...values));
      return result < 0 ? -koffi.errno() : result;
    };
  };
  const call = (prototype: string) => wrap(library.func(prototype));
  const socket = call("int socket(int domain, int type, int protocol)");
  const bind = call("int bind(int fd, const void *address, uint32_t length)");
  const setsockopt = call("int setsockopt(int fd, int level, int option, const void *value, uint32_t length)");
  const getsockopt = call("int getsockopt(int fd, int level, int option, void *value, uint32_t *length)");
  const nativeSend = library.func("intptr_t send(int fd, const void *bytes, size_t length, int flags)");
  const send = wrap(nativeSend);
  const sendto = call(
    "intptr_t sendto(int fd, const void *bytes, size_t length, int flags, const void *address, uint32_t size)",
  );
  const recv = call("intptr_t recv(int fd, void *buffer, size_t length, int flags)");
  const close = call("int close(int fd)");
  const setns = call("int setns(int fd, int kind)");
  const flock = call("int flock(int fd, int operation)");
  const listen = call("int listen(int fd, int backlog)");
  const getsockname = call("int getsockname(int fd, void *address, uint32_t *length)");
  const syscall = call("long syscall(long number, long first, long second, long third)");
  return {
    socket,
    bind: (fd, address) => bind(fd, address, address.length),
    listen,
    socketName: (fd, address) => {
      const length = Uint32Array.of(address.length);
      const result = getsockname(fd, address, length);
      return result < 0 ? result : (length[0] ?? 0);
    },
    setOption: (fd, level, option, value) => setsockopt(fd, level, option, Int32Array.of(value), 4),
    getOption: (fd, level, option, value) => {
      const length = Uint32Array.of(value.length);
      const result = getsockopt(fd, level, option, value, length);
      return result < 0 ? result : (length[0] ?? 0);
    },
    send: (fd, bytes) => send(fd, bytes, bytes.length, 0),
    sendTo: (fd, bytes, address) => sendto(fd, bytes, bytes.length, 0, address, address.length),
    sendElsewhere: (fd, bytes) => {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      nativeSend.async(fd, bytes, bytes.length, 0, (error: unknown, result: unknown) => {
        if (error) reject(error);
        else resolve(Number(result) < 0 ? -constants.errno.EIO : Number(result));
      });
      return promise;
    },
    receive: (fd, buffer) => recv(fd, buffer, buffer.length, MSG_TRUNC | MSG_DONTWAIT),
    close,
    setns,
    lockFile: (fd) => flock(fd, LOCK_EX_NB),
    processDescriptor: (pid) => syscall(SYS_PIDFD_OPEN, pid, 0, 0),
    copyDescriptor: (process, fd) => syscall(SYS_PIDFD_GETFD, process, fd, 0),
  };
}
