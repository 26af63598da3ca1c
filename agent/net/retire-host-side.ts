import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { NetlinkConnection } from "#agent/netlink/connection.ts";
import { isMissing } from "#agent/netlink/error.ts";
import { deleteLink, getLink, parseLink } from "#agent/netlink/link.ts";

import { NetlinkSocket } from "./netlink-socket.ts";

/** Runs a function in the node's network namespace: at once, where the thread is there anyway. */
export type OnNode = <T>(run: () => T) => T;

/**
 * Removes a veth by its host side, and says whether there was one. Resolves when neither
 * side can be seen or can carry a packet any more, a millisecond or two later.
 *
 * The kernel goes on for ten or more times as long, until no processor can still look at
 * what it frees, and keeps the caller waiting: so a thread of the pool makes the call, and
 * nobody waits for its end. Programs that are attached to the device must be left to it:
 * taking them off first would make the device wait for them.
 *
 * @throws NetlinkError when the kernel refuses.
 */
export async function retireHostSide(
  connection: NetlinkConnection,
  name: string,
  onNode: OnNode = (run) => run(),
): Promise<boolean> {
  const index = findIndex(connection, name);
  if (index === undefined) return false;
  const removal = removeElsewhere(onNode(openSocket), index);
  // When the kernel is done, a device of that name is another one: whoever makes such devices keeps nobody waiting.
  while (!removal.isDone && onNode(deviceNames).includes(name)) {
    await Promise.race([removal.finished, sleep(1)]);
    if (removal.refusal !== undefined) throw removal.refusal;
  }
  return true;
}

interface Removal {
  readonly finished: Promise<void>;
  isDone: boolean;
  refusal: unknown;
}

function removeElsewhere(socket: NetlinkSocket, index: number): Removal {
  const remove = async (): Promise<void> => {
    try {
      await new NetlinkConnection(socket).executeBy((bytes) => socket.sendElsewhere(bytes), deleteLink({ index }));
    } catch (error) {
      // Somebody else was quicker: gone is gone.
      if (!isMissing(error)) removal.refusal = error;
    } finally {
      removal.isDone = true;
      socket[Symbol.dispose]();
    }
  };
  const removal: Removal = { finished: Promise.resolve().then(remove), isDone: false, refusal: undefined };
  return removal;
}

function findIndex(connection: NetlinkConnection, name: string): number | undefined {
  try {
    return connection.get(getLink({ name }), parseLink).index;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Not by netlink: that waits for the lock which the kernel holds while it removes a device. */
function deviceNames(): string[] {
  const lines = readFileSync("/proc/thread-self/net/dev", "utf8").split("\n").slice(2);
  return lines.map((line) => line.slice(0, line.lastIndexOf(":")).trim());
}

function openSocket(): NetlinkSocket {
  return NetlinkSocket.open();
}
