/** The host sides of all pods' veths, as the kernel has them. */
import { getAddresses, parseAddress } from "#agent/netlink/address.ts";
import type { NetlinkConnection } from "#agent/netlink/connection.ts";
import { Family, RouteTable } from "#agent/netlink/constants.ts";
import { isMissing } from "#agent/netlink/error.ts";
import { deleteLink, getLink, getLinks, type Link, parseLink } from "#agent/netlink/link.ts";
import { getNeighbours, parseNeighbour } from "#agent/netlink/neighbour.ts";
import { getRoutes, parseRoute } from "#agent/netlink/route.ts";

import { NetError } from "./error.ts";
import { type HostSide, type HostSideSpec, hostSideSysctls, planHostSide, WEIR_ROUTE_PROTOCOL } from "./host-side.ts";
import { ensureSysctl, holdsSysctl } from "./sysctl.ts";

const families = [Family.INET, Family.INET6];

/** What bringing a device to its spec took. */
export interface HostSideOutcome {
  readonly ifindex: number;
  /** What was not as it should be and is now; empty when nothing was to be done. */
  readonly mended: readonly string[];
}

/**
 * Brings the host side of a veth to its spec: settings, MAC address, MTU, up, gateway
 * addresses, neighbours, routes. Nothing that is right is touched, so it can be run at any time.
 * It must run in the network namespace of the connection, since it writes to /proc/sys.
 *
 * @throws NetError `missing-interface`, `sysctl`; NetlinkError.
 */
export function ensureHostSide(connection: NetlinkConnection, spec: HostSideSpec): HostSideOutcome {
  const now = observeHostSide(connection, spec.name);
  const mended: string[] = [];
  for (const sysctl of hostSideSysctls(spec)) {
    if (ensureSysctl(sysctl)) mended.push(`${sysctl.path} was not ${sysctl.value}`);
  }
  for (const { problem, request } of planHostSide(spec, now)) {
    connection.execute(request);
    mended.push(problem);
  }
  return { ifindex: now.link.index, mended };
}

/** What is not as the spec says, a sentence each; nothing is changed. @throws as {@link ensureHostSide}. */
export function hostSideProblems(connection: NetlinkConnection, spec: HostSideSpec): string[] {
  let now: HostSide;
  try {
    now = observeHostSide(connection, spec.name);
  } catch (error) {
    if (error instanceof NetError && error.code === "missing-interface") return [`interface ${spec.name} is missing`];
    throw error;
  }
  const settings = hostSideSysctls(spec).filter((setting) => !holdsSysctl(setting));
  const problems = [
    ...settings.map(({ path, value }) => `sysctl ${path} is not ${value}`),
    ...planHostSide(spec, now).map(({ problem }) => problem),
  ];
  return [...new Set(problems)];
}

/** Our routes to single addresses, of the main table: `ADDRESS INDEX`, the index of the device. */
export function podRoutes(connection: NetlinkConnection): Set<string> {
  const routes = families.flatMap((family) => connection.dump(getRoutes({ family }), parseRoute));
  return new Set(
    routes
      .filter(({ table, protocol }) => table === RouteTable.MAIN && protocol === WEIR_ROUTE_PROTOCOL)
      .map(({ destination, index }) => `${destination.replace(/\/\d+$/, "")} ${index}`),
  );
}

/** Removes a veth by its host side, and says whether there was one. */
export function removeHostSide(connection: NetlinkConnection, name: string): boolean {
  try {
    connection.execute(deleteLink({ name }));
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** The devices that are host sides of our veths, by kind and name. */
export function listHostSides(connection: NetlinkConnection): Link[] {
  const links = connection.dump(getLinks(), parseLink);
  return links.filter(({ kind, name }) => kind === "veth" && /^weir[0-9a-f]{11}$/.test(name));
}

/** @throws NetError `missing-interface`. */
export function observeHostSide(connection: NetlinkConnection, name: string): HostSide {
  const link = findLink(connection, name);
  const { index } = link;
  const ours = (entry: { readonly index: number | null }) => entry.index === index;
  return {
    link,
    addresses: connection.dump(getAddresses({ index }), parseAddress).filter(ours),
    // Not narrowed to the main table: a namespace without routes has none yet, which is an error then.
    routes: families
      .flatMap((family) => connection.dump(getRoutes({ family, index }), parseRoute))
      .filter((route) => ours(route) && route.table === RouteTable.MAIN),
    neighbours: families
      .flatMap((family) => connection.dump(getNeighbours({ family, index }), parseNeighbour))
      .filter(ours),
  };
}

function findLink(connection: NetlinkConnection, name: string): Link {
  try {
    return connection.get(getLink({ name }), parseLink);
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new NetError("missing-interface", `find interface ${name}: there is none`, { cause: error });
  }
}
