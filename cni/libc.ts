import { dlopen, read } from "bun:ffi";

/** System calls that bun has no synchronous word for. Each gives what the call gives, or a negative errno. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  connect(fd: number, address: Uint8Array): number;
  setOption(fd: number, level: number, option: number, value: Uint8Array | Int32Array | BigInt64Array): number;
  send(fd: number, bytes: Uint8Array): number;
  /** With MSG_TRUNC, the length of a datagram even where it did not fit. */
  receive(fd: number, buffer: Uint8Array, flags: number): number;
  setns(fd: number, kind: number): number;
}

export const Errno = { ENOENT: 2, EINTR: 4, EAGAIN: 11, ECONNREFUSED: 111 } as const;

const MSG_NOSIGNAL = 0x4000;

let loaded: Libc | undefined;

/** The bindings; loaded at the first call. */
export function libc(): Libc {
  return (loaded ??= load());
}

function load(): Libc {
  const { symbols } = dlopen("libc.so.6", {
    socket: { args: ["int", "int", "int"], returns: "int" },
    connect: { args: ["int", "ptr", "u32"], returns: "int" },
    setsockopt: { args: ["int", "int", "int", "ptr", "u32"], returns: "int" },
    send: { args: ["int", "ptr", "u64", "int"], returns: "i64" },
    recv: { args: ["int", "ptr", "u64", "int"], returns: "i64" },
    setns: { args: ["int", "int"], returns: "int" },
    __errno_location: { args: [], returns: "ptr" },
  });
  const outcome = (result: number | bigint) =>
    result < 0 ? -read.i32(Number(symbols.__errno_location())) : Number(result);
  return {
    socket: (domain, type, protocol) => outcome(symbols.socket(domain, type, protocol)),
    connect: (fd, address) => outcome(symbols.connect(fd, address, address.length)),
    setOption: (fd, level, option, value) => outcome(symbols.setsockopt(fd, level, option, value, value.byteLength)),
    send: (fd, bytes) => outcome(symbols.send(fd, bytes, bytes.length, MSG_NOSIGNAL)),
    receive: (fd, buffer, flags) => outcome(symbols.recv(fd, buffer, buffer.length, flags)),
    setns: (fd, kind) => outcome(symbols.setns(fd, kind)),
  };
}
