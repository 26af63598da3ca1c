import { hostInterfaceName } from "#agent/api/host-interface.ts";
import { getAddresses, parseAddress } from "#agent/netlink/address.ts";
import { NetlinkConnection } from "#agent/netlink/connection.ts";
import { Family } from "#agent/netlink/constants.ts";
import type { Link } from "#agent/netlink/link.ts";
import { getRoutes, parseRoute } from "#agent/netlink/route.ts";

import type { Call } from "./call.ts";
import { CniError, ErrorCode } from "./errors.ts";
import { Namespace } from "./namespace.ts";
import { NetlinkSocket } from "./netlink-socket.ts";
import { findLink } from "./pod-side.ts";
import { parsePrevResult, type PrevResult } from "./prev-result.ts";

/**
 * CHECK: what the result of ADD named is in the container, both sides of the veth belong
 * together and are up, and the agent finds programs, maps, addresses and routes of its own
 * in place. All that is wrong is told in one error.
 */
export function check({ environment, config, agent }: Call): void {
  const { containerId, ifName, netns } = environment;
  const expected = parsePrevResult(config.prevResult, ifName, netns);
  if (!expected.ok) throw expected.error;
  const hostInterface = hostInterfaceName(containerId, ifName);

  using namespace = new Namespace(netns);
  using socket = new NetlinkSocket();
  const pod = findLink(namespace.connection, ifName);
  const host = findLink(new NetlinkConnection(socket), hostInterface);
  const problems = [
    ...(pod
      ? [...podProblems(pod, expected.value), ...addressProblems(namespace.connection, pod, expected.value)]
      : [`interface ${ifName} is missing in the container`]),
    ...routeProblems(namespace.connection, expected.value),
    ...hostProblems(host, pod, hostInterface),
  ];
  const addresses = expected.value.addresses.map((address) => address.split("/", 1).join());
  problems.push(...agent.check({ containerId, ifName, addresses, hostInterface }).problems);
  if (problems.length === 0) return;
  throw new CniError(ErrorCode.CHECK_FAILED, `check of ${ifName}: ${problems.join("; ")}`, problems.join("\n"));
}

function podProblems(pod: Link, { mac }: PrevResult): string[] {
  const problems: string[] = [];
  if (!pod.up) problems.push(`interface ${pod.name} in the container is down`);
  if (mac !== undefined && pod.mac !== mac) {
    problems.push(`interface ${pod.name} in the container has MAC address ${pod.mac}, not ${mac}`);
  }
  return problems;
}

function addressProblems(connection: NetlinkConnection, pod: Link, { addresses }: PrevResult): string[] {
  const present = connection
    .dump(getAddresses({ index: pod.index }), parseAddress)
    .filter(({ index }) => index === pod.index)
    .map(({ address, prefix }) => `${address}/${prefix}`);
  return addresses
    .filter((address) => !present.includes(address))
    .map((address) => `address ${address} is missing on ${pod.name}`);
}

/** Routes through any interface count: a later plugin of the chain may have moved them. */
function routeProblems(connection: NetlinkConnection, { routes }: PrevResult): string[] {
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

function hostProblems(host: Link | undefined, pod: Link | undefined, name: string): string[] {
  if (!host) return [`host interface ${name} is missing`];
  const problems: string[] = [];
  if (!host.up) problems.push(`host interface ${name} is down`);
  if (pod && (pod.peerIndex !== host.index || host.peerIndex !== pod.index)) {
    problems.push(`host interface ${name} is not the other side of ${pod.name}`);
  }
  return problems;
}
