/** The host side of a veth that another CNI plugin made: it is looked at, and never touched. */
import type { NetlinkConnection } from "#agent/netlink/connection.ts";
import { isMissing } from "#agent/netlink/error.ts";
import { getLink, type Link, parseLink } from "#agent/netlink/link.ts";

/** The bridge that a device is a port of, by index; null: of none, or the device is gone. */
export function bridgeOf(connection: NetlinkConnection, name: string): number | null {
  return findLink(connection, name)?.master ?? null;
}

/** What an endpoint relies on. */
export interface ForeignHostSide {
  readonly name: string;
  readonly ifindex: number;
  /** Index of the bridge that the datapath knows. */
  readonly bridge: number | null;
}

/** What is not as the endpoint needs it, a sentence each. */
export function foreignHostSideProblems(
  connection: NetlinkConnection,
  { name, ifindex, bridge }: ForeignHostSide,
): string[] {
  const link = findLink(connection, name);
  if (link === undefined) return [`interface ${name} is missing`];
  if (link.index !== ifindex) return [`interface ${name} is another one: its index is ${link.index}, not ${ifindex}`];
  const problems = link.up ? [] : [`${name} is down`];
  if (link.master !== bridge) problems.push(`${name} is ${placeOf(link.master)}, and was ${placeOf(bridge)}`);
  return problems;
}

function placeOf(bridge: number | null): string {
  return bridge === null ? "on no bridge" : `a port of the bridge with index ${bridge}`;
}

function findLink(connection: NetlinkConnection, name: string): Link | undefined {
  try {
    return connection.get(getLink({ name }), parseLink);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
