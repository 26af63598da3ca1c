import type { ForeignHostSides, HostSide, HostSideSpec as EndpointHostSide } from "#agent/endpoint/manager-options.ts";
import type { HostSideSpec } from "#agent/net/host-side.ts";
import { bridgeOf, foreignHostSideProblems } from "#agent/net/foreign-host-side.ts";
import { ensureHostSide, hostSideProblems, podRoutes } from "#agent/net/host-sides.ts";
import { retireHostSide } from "#agent/net/retire-host-side.ts";
import type { NetlinkConnection } from "#agent/netlink/connection.ts";
import { isMissing } from "#agent/netlink/error.ts";
import { getLink, parseLink } from "#agent/netlink/link.ts";

/** The host sides of pods' veths, through netlink. */
export class HostNetwork implements HostSide {
  readonly #connection: NetlinkConnection;

  constructor(connection: NetlinkConnection) {
    this.#connection = connection;
  }

  ensure(spec: EndpointHostSide): void {
    ensureHostSide(this.#connection, toSpec(spec));
  }

  async remove(hostInterface: string): Promise<void> {
    await retireHostSide(this.#connection, hostInterface);
  }

  check(spec: EndpointHostSide): string[] {
    return hostSideProblems(this.#connection, toSpec(spec));
  }

  routes(): ReadonlySet<string> {
    return podRoutes(this.#connection);
  }

  index(hostInterface: string): number | null {
    try {
      return this.#connection.get(getLink({ name: hostInterface }), parseLink).index;
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }
}

/** Those that other CNI plugins made. */
export function foreignHostSides(connection: NetlinkConnection): ForeignHostSides {
  return {
    bridge: (hostInterface) => bridgeOf(connection, hostInterface),
    check: (ifindex, name, bridge) => foreignHostSideProblems(connection, { ifindex, name, bridge }),
  };
}

function toSpec({ name, mac, podMac, mtu, addresses, gateway }: EndpointHostSide): HostSideSpec {
  const pairs = [
    [addresses.ipv4, gateway.ipv4],
    [addresses.ipv6, gateway.ipv6],
  ] as const;
  return {
    name,
    mac,
    podMac,
    mtu,
    addresses: pairs.flatMap(([address, via]) => (address !== null && via !== null ? [{ address, gateway: via }] : [])),
  };
}
