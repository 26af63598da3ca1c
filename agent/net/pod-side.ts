/** The container's side of a veth: made, configured and looked at from the node. */
import { addAddress, getAddresses, parseAddress } from "#agent/netlink/address.ts";
import type { NetlinkConnection } from "#agent/netlink/connection.ts";
import { Family } from "#agent/netlink/constants.ts";
import { fullPrefix } from "#agent/netlink/ip.ts";
import { isExisting, isMissing } from "#agent/netlink/error.ts";
import { createVeth, getLink, type Link, type LinkReference, parseLink, setLink } from "#agent/netlink/link.ts";
import { setNeighbour } from "#agent/netlink/neighbour.ts";
import { addRoute, getRoutes, parseRoute, type RouteSpec } from "#agent/netlink/route.ts";

import { addRule } from "#agent/netlink/rule.ts";

import { NetError } from "./error.ts";
import type { PodNamespace } from "./pod-namespace.ts";
import { ensureSysctl } from "./sysctl.ts";

/** One family of a container's interface. */
export interface PodAddress {
  readonly address: string;
  /** The address that stands for the node; on link. */
  readonly gateway: string;
  /** What the container reaches through the gateway: `ADDRESS/BITS`, perhaps by way of another address. */
  readonly routes: readonly { readonly destination: string; readonly gateway?: string | undefined }[];
}

export interface PodSideSpec {
  readonly ifName: string;
  readonly mac: string;
  readonly hostInterface: string;
  readonly hostMac: string;
  /** Bytes of an IP packet. */
  readonly mtu: number;
  readonly addresses: readonly PodAddress[];
}

/** Tables of a container for what leaves from the addresses of its further interfaces, by their index. */
const firstTable = 10_000;

/** The device of that name or index, or undefined when there is none. */
export function findLink(connection: NetlinkConnection, link: LinkReference): Link | undefined {
  try {
    return connection.get(getLink(link), parseLink);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/**
 * Creates the veth, its container side at once in the container under its final name, so that it never
 * shows up in the node, and configures that side. The host side is down. Gives the host side's index.
 *
 * @throws NetlinkError; NetError `missing-interface`, `sysctl`. The veth may be there then.
 */
export function createPodSide(host: NetlinkConnection, namespace: PodNamespace, spec: PodSideSpec): number {
  const { ifName, mac, hostInterface, hostMac, mtu } = spec;
  const peer = { name: ifName, mac, netnsFd: namespace.fd };
  host.execute(createVeth({ name: hostInterface, mac: hostMac, mtu, peer }));
  const link = findLink(host, { name: hostInterface });
  if (!link) {
    throw new NetError("missing-interface", `find interface ${hostInterface}: it vanished after it was created`);
  }
  configure(namespace, spec);
  return link.index;
}

/** Up, with addresses and routes. The gateway's MAC address is written down, so that no packet waits for an answer. */
function configure(namespace: PodNamespace, { ifName, hostMac, addresses }: PodSideSpec): void {
  const { connection } = namespace;
  const { index } = connection.get(getLink({ name: ifName }), parseLink);
  const hasIpv6 = addresses.some(({ address }) => address.includes(":"));
  namespace.inside(() => configureIpv6(ifName, hasIpv6));
  connection.execute(setLink({ index, up: true }));
  for (const { address, gateway, routes } of addresses) {
    connection.execute(addAddress({ index, address, prefix: fullPrefix(address), noDad: true }));
    connection.execute(setNeighbour({ index, address: gateway, mac: hostMac }));
    const wanted: (RouteSpec & { readonly index: number })[] = [
      { destination: `${gateway}/${fullPrefix(gateway)}`, index },
      ...routes.map((route) => ({
        destination: route.destination,
        gateway: route.gateway ?? gateway,
        index,
        onlink: route.gateway !== undefined && route.gateway !== gateway,
      })),
    ];
    const isFirst = wanted.map((route) => addFirstOrLater(connection, route)).every(Boolean);
    if (!isFirst) routeBySource(connection, address, wanted);
  }
}

/**
 * What leaves from the address of a further interface leaves by that interface, so that its answers come from
 * where they are expected. The rule goes with the namespace.
 */
function routeBySource(
  connection: NetlinkConnection,
  address: string,
  routes: readonly (RouteSpec & { readonly index: number })[],
): void {
  for (const route of routes) {
    const table = firstTable + route.index;
    connection.execute(addRoute({ ...route, table }));
    try {
      connection.execute(addRule({ source: address, table, priority: table }));
    } catch (error) {
      // There already, by an earlier route or an earlier attachment with the same address.
      if (!isExisting(error)) throw error;
    }
  }
}

/**
 * Adds a route, and says whether it is the first. Where a container's earlier interface has it already, that one
 * stays the preferred one, and this comes behind it.
 */
function addFirstOrLater(connection: NetlinkConnection, route: RouteSpec & { readonly index: number }): boolean {
  try {
    connection.execute(addRoute(route));
    return true;
  } catch (error) {
    if (!isExisting(error)) throw error;
    connection.execute(addRoute({ ...route, metric: 10_000 + route.index }));
    return false;
  }
}

/**
 * Some runtimes switch IPv6 off in their namespaces, and the kernel on by default: the attachment decides.
 * A link-local address that nobody routes would only make noise.
 */
function configureIpv6(ifName: string, isWanted: boolean): void {
  const folder = `net/ipv6/conf/${ifName}`;
  ensureSysctl({ path: `${folder}/disable_ipv6`, value: isWanted ? "0" : "1", optional: !isWanted });
  // The agent says where packets go, not whoever answers first.
  if (isWanted) ensureSysctl({ path: `${folder}/accept_ra`, value: "0" });
}

/** What a container's interface should have; what is null or missing is not looked at. */
export interface PodSideExpectation {
  readonly mac: string | undefined;
  /** Canonical `ADDRESS/BITS`. */
  readonly addresses: readonly string[];
  readonly routes: readonly { readonly destination: string; readonly gateway: string | undefined }[];
}

/** What is not as expected, a sentence each. */
export function podSideProblems({ connection }: PodNamespace, ifName: string, expected: PodSideExpectation): string[] {
  const link = findLink(connection, { name: ifName });
  return [
    ...(link
      ? [...linkProblems(link, expected), ...addressProblems(connection, link, expected)]
      : [`interface ${ifName} is missing in the container`]),
    ...routeProblems(connection, expected),
  ];
}

function linkProblems(link: Link, { mac }: PodSideExpectation): string[] {
  const problems: string[] = [];
  if (!link.up) problems.push(`interface ${link.name} in the container is down`);
  if (mac !== undefined && link.mac !== mac) {
    problems.push(`interface ${link.name} in the container has MAC address ${link.mac}, not ${mac}`);
  }
  return problems;
}

function addressProblems(connection: NetlinkConnection, link: Link, { addresses }: PodSideExpectation): string[] {
  const present = connection
    .dump(getAddresses({ index: link.index }), parseAddress)
    .filter(({ index }) => index === link.index)
    .map(({ address, prefix }) => `${address}/${prefix}`);
  return addresses
    .filter((address) => !present.includes(address))
    .map((address) => `address ${address} is missing on ${link.name}`);
}

/** Routes through any interface count: a later plugin of the chain may have moved them. */
function routeProblems(connection: NetlinkConnection, { routes }: PodSideExpectation): string[] {
  const present = [Family.INET, Family.INET6].flatMap((family) => connection.dump(getRoutes({ family }), parseRoute));
  return routes
    .filter(
      ({ destination, gateway }) =>
        !present.some(
          (route) => route.destination === destination && (gateway === undefined || route.gateway === gateway),
        ),
    )
    .map(({ destination, gateway }) => {
      const name = destination.endsWith("/0") ? `default route ${destination}` : `route to ${destination}`;
      return `${name}${gateway === undefined ? "" : ` through ${gateway}`} is missing in the container`;
    });
}
