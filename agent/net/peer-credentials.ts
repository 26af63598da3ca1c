import { NetError } from "./error.ts";
import { errnoName, libc } from "./libc.ts";

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** Since Linux 4.13. */
const SO_PEERGROUPS = 59;

const someGroups = 64;
/** NGROUPS_MAX of Linux. */
const mostGroups = 65_536;

/** Who has connected to a Unix socket, as it was at that moment. */
export interface PeerCredentials {
  /** 0: a process that is not in view, because it is in another process namespace. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
}

/**
 * Asks the kernel, whom the other end cannot deceive (unix(7)).
 *
 * @param fd of a connected Unix socket.
 * @throws NetError `socket`.
 */
export function peerCredentials(fd: number): PeerCredentials {
  // struct ucred, in the machine's order.
  const ucred = new DataView(read(fd, "SO_PEERCRED", SO_PEERCRED, 12).buffer);
  const [pid, uid, gid] = [ucred.getInt32(0, true), ucred.getUint32(4, true), ucred.getUint32(8, true)];
  const groups = new Uint32Array(read(fd, "SO_PEERGROUPS", SO_PEERGROUPS, 4 * someGroups).buffer);
  return { pid, uid, gid, groups: [...groups] };
}

/** An option's value, of whatever length; `size`: what is enough nearly always. */
function read(fd: number, name: string, option: number, size: number): Uint8Array<ArrayBuffer> {
  for (let bytes = size; ; bytes = 4 * mostGroups) {
    const value = new Uint8Array(bytes);
    const length = libc().getOption(fd, SOL_SOCKET, option, value);
    if (length >= 0) return value.slice(0, length);
    if (errnoName(length) !== "ERANGE" || bytes > size)
      throw new NetError("socket", `read ${name}: ${errnoName(length)}`);
  }
}
