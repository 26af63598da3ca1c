/**
 * The host side of a pod's veth: first as a value (what should be, what is, and the steps
 * from one to the other), without a kernel.
 */
import { fullPrefix } from "#agent/netlink/ip.ts";
import { NeighbourState } from "#agent/netlink/constants.ts";
import { deleteAddress, type InterfaceAddress, replaceAddress } from "#agent/netlink/address.ts";
import { type Link, setLink } from "#agent/netlink/link.ts";
import type { NetlinkRequest } from "#agent/netlink/message.ts";
import { deleteNeighbour, type Neighbour, setNeighbour } from "#agent/netlink/neighbour.ts";
import { addRoute, deleteRoute, type Route } from "#agent/netlink/route.ts";

import type { Sysctl } from "./sysctl.ts";

/** The mark of our own routes: `proto 87` in the output of `ip route`. */
export const WEIR_ROUTE_PROTOCOL = 87;

export interface HostSideSpec {
  readonly name: string;
  readonly mac: string;
  readonly podMac: string;
  readonly mtu: number;
  /** For each family of the pod: its address, and the one that it knows the node by. */
  readonly addresses: readonly { readonly address: string; readonly gateway: string }[];
}

/** What the kernel holds of one device. */
export interface HostSide {
  readonly link: Link;
  readonly addresses: readonly InterfaceAddress[];
  /** Of the main table. */
  readonly routes: readonly Route[];
  readonly neighbours: readonly Neighbour[];
}

/** One thing that is not as it should be, and the request that mends it. */
export interface HostSideStep {
  /** A sentence without a full stop, e.g. `route to 10.0.0.7 through weir01 is missing`. */
  readonly problem: string;
  readonly request: NetlinkRequest;
}

/** The steps that bring a device to its spec, in order; none when it is there. */
export function planHostSide(spec: HostSideSpec, now: HostSide): HostSideStep[] {
  return [
    ...planLink(spec, now.link),
    ...planAddresses(spec, now),
    ...planNeighbours(spec, now),
    ...planRoutes(spec, now),
  ];
}

/** The device's settings; they must stand before it goes up. */
export function hostSideSysctls(spec: HostSideSpec): Sysctl[] {
  const ipv4 = `net/ipv4/conf/${spec.name}`;
  const ipv6 = `net/ipv6/conf/${spec.name}`;
  const settings = [
    { path: `${ipv4}/forwarding`, value: "1" },
    // The programs judge source addresses; the kernel's own check would refuse packets that come
    // back through another device than the route to their source names.
    { path: `${ipv4}/rp_filter`, value: "0" },
    // Every packet of a pod "could go directly": all pods are behind the one gateway address.
    { path: `${ipv4}/send_redirects`, value: "0" },
    { path: `${ipv4}/accept_redirects`, value: "0" },
  ];
  if (!spec.addresses.some(({ address }) => address.includes(":"))) {
    return [...settings, { path: `${ipv6}/disable_ipv6`, value: "1", optional: true }];
  }
  return [
    ...settings,
    { path: `${ipv6}/disable_ipv6`, value: "0" },
    // The gateway address is all that a pod needs of the node: no link-local address beside it.
    { path: `${ipv6}/addr_gen_mode`, value: "1" },
    { path: `${ipv6}/forwarding`, value: "1" },
    { path: `${ipv6}/accept_ra`, value: "0" },
    { path: `${ipv6}/accept_redirects`, value: "0" },
  ];
}

function planLink(spec: HostSideSpec, link: Link): HostSideStep[] {
  const { index } = link;
  const steps: HostSideStep[] = [];
  if (link.mac !== spec.mac) {
    steps.push({ problem: `${spec.name} has MAC address ${link.mac}`, request: setLink({ index, mac: spec.mac }) });
  }
  if (link.mtu !== spec.mtu) {
    steps.push({ problem: `${spec.name} has MTU ${link.mtu}`, request: setLink({ index, mtu: spec.mtu }) });
  }
  if (!link.up) steps.push({ problem: `${spec.name} is down`, request: setLink({ index, up: true }) });
  return steps;
}

function planAddresses(spec: HostSideSpec, { link, addresses }: HostSide): HostSideStep[] {
  const wanted = new Map(spec.addresses.map(({ gateway }) => [`${gateway}/${fullPrefix(gateway)}`, gateway]));
  const steps: HostSideStep[] = [];
  for (const present of addresses) {
    if (wanted.delete(`${present.address}/${present.prefix}`)) continue;
    steps.push({
      problem: `${spec.name} has the stray address ${present.address}/${present.prefix}`,
      request: deleteAddress(present),
    });
  }
  for (const gateway of wanted.values()) {
    const address = { index: link.index, address: gateway, prefix: fullPrefix(gateway) };
    steps.push({
      problem: `address ${gateway} on ${spec.name} is missing`,
      request: replaceAddress({ ...address, noDad: true, noPrefixRoute: true }),
    });
  }
  return steps;
}

function planNeighbours(spec: HostSideSpec, { link, neighbours }: HostSide): HostSideStep[] {
  const { index } = link;
  const wanted = new Set(spec.addresses.map(({ address }) => address));
  const steps: HostSideStep[] = [];
  for (const { address, mac, state } of neighbours) {
    if (!(state & NeighbourState.PERMANENT)) continue;
    if (wanted.has(address)) {
      if (mac === spec.podMac) wanted.delete(address);
    } else {
      const problem = `${spec.name} has the stray neighbour ${address}`;
      steps.push({ problem, request: deleteNeighbour({ index, address }) });
    }
  }
  for (const address of wanted) {
    const problem = `neighbour ${address} on ${spec.name} is missing`;
    steps.push({ problem, request: setNeighbour({ index, address, mac: spec.podMac }) });
  }
  return steps;
}

function planRoutes(spec: HostSideSpec, { link, routes }: HostSide): HostSideStep[] {
  const { index } = link;
  const wanted = new Map(spec.addresses.map(({ address }) => [`${address}/${fullPrefix(address)}`, address]));
  const steps: HostSideStep[] = [];
  for (const route of routes) {
    const { destination, protocol, metric } = route;
    if (protocol !== WEIR_ROUTE_PROTOCOL) continue;
    if (route.gateway === null && wanted.delete(destination)) continue;
    const problem = `stray route to ${destination} through ${spec.name}`;
    steps.push({ problem, request: deleteRoute({ destination, index, protocol, metric }) });
  }
  for (const [destination, address] of wanted) {
    const problem = `route to ${address} through ${spec.name} is missing`;
    // Not in place of one that is there: that is somebody else's, and would be gone for good after DEL.
    steps.push({ problem, request: addRoute({ destination, index, protocol: WEIR_ROUTE_PROTOCOL }) });
  }
  return steps;
}
