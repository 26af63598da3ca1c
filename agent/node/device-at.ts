import type { NetlinkConnection } from "#agent/netlink/connection.ts";
import { isMissing } from "#agent/netlink/error.ts";
import { getLink, type Link, parseLink } from "#agent/netlink/link.ts";

/** The device with an index; null: it is gone. */
export function deviceAt(connection: NetlinkConnection, index: number): Link | null {
  try {
    return connection.get(getLink({ index }), parseLink);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}
