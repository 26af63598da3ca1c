import { setTimeout as sleep } from "node:timers/promises";

import { NetlinkConnection } from "#agent/netlink/connection.ts";
import { isMissing } from "#agent/netlink/error.ts";
import { deleteLink, getLink, parseLink } from "#agent/netlink/link.ts";

import { NetlinkSocket } from "./netlink-socket.ts";

/**
 * Removes a veth by its host side, and says whether there was one. Resolves when neither
 * side can be seen or can carry a packet any more, a millisecond or two later.
 *
 * The kernel goes on for fifteen or more, until no processor can still look at what it
 * frees, and keeps the caller for as long: so a thread of the pool makes the call, and
 * nobody waits for its end.
 *
 * @param connection of the namespace that `open` gives sockets of.
 * @throws NetlinkError when the kernel refuses.
 */
export async function retireHostSide(
  connection: NetlinkConnection,
  name: string,
  open: () => NetlinkSocket = openHere,
): Promise<boolean> {
  const index = findIndex(connection, { name });
  if (index === undefined) return false;
  // By number: the name may be given anew while the call is under way.
  const removal = removeElsewhere(open(), index);
  while (findIndex(connection, { index }) !== undefined) {
    await Promise.race([removal.finished, sleep(1)]);
    if (removal.refusal !== undefined) throw removal.refusal;
  }
  return true;
}

interface Removal {
  readonly finished: Promise<void>;
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
      socket[Symbol.dispose]();
    }
  };
  const removal: Removal = { finished: remove(), refusal: undefined };
  return removal;
}

function findIndex(connection: NetlinkConnection, link: { name: string } | { index: number }): number | undefined {
  try {
    return connection.get(getLink(link), parseLink).index;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function openHere(): NetlinkSocket {
  return NetlinkSocket.open();
}
