import type { Dns } from "./config.ts";
import { type CniVersion, isAtLeast } from "./versions.ts";

export interface ResultAddress {
  readonly address: string;
  /** Bits. */
  readonly prefix: number;
  readonly gateway: string | undefined;
}

export interface ResultRoute {
  readonly destination: string;
  readonly gateway: string | undefined;
}

export interface ResultInput {
  readonly hostInterface: string;
  readonly hostMac: string;
  readonly ifName: string;
  readonly mac: string;
  /** Bytes of an IP packet. */
  readonly mtu: number;
  /** Path of the container's network namespace. */
  readonly netns: string;
  readonly addresses: readonly ResultAddress[];
  readonly routes: readonly ResultRoute[];
  readonly dns: Dns | undefined;
}

/** Index of the container's side in the result's list of interfaces. */
const podInterface = 1;

/**
 * The result of ADD, in the shape of the version that the configuration asks for:
 * addresses say their family until 1.0.0, interfaces their MTU since 1.1.0.
 */
export function addResult(version: CniVersion, input: ResultInput): Record<string, unknown> {
  const { hostInterface, hostMac, ifName, mac, netns, addresses, routes, dns } = input;
  const mtu = isAtLeast(version, "1.1.0") ? { mtu: input.mtu } : {};
  return {
    cniVersion: version,
    interfaces: [
      { name: hostInterface, mac: hostMac, ...mtu },
      { name: ifName, mac, ...mtu, sandbox: netns },
    ],
    ips: addresses.map((address) => ({ ...addressResult(version, address), interface: podInterface })),
    routes: routes.map(routeResult),
    ...(dns ? { dns } : {}),
  };
}

/** The result of an IPAM plugin: what it is about has no interface yet. CNI specification, section 5. */
export function ipamResult(
  version: CniVersion,
  { addresses, routes, dns }: Pick<ResultInput, "addresses" | "routes" | "dns">,
): Record<string, unknown> {
  return {
    cniVersion: version,
    ips: addresses.map((address) => addressResult(version, address)),
    routes: routes.map(routeResult),
    ...(dns ? { dns } : {}),
  };
}

function addressResult(version: CniVersion, { address, prefix, gateway }: ResultAddress): Record<string, unknown> {
  return {
    ...(isAtLeast(version, "1.0.0") ? {} : { version: address.includes(":") ? "6" : "4" }),
    address: `${address}/${prefix}`,
    ...(gateway === undefined ? {} : { gateway }),
  };
}

function routeResult({ destination, gateway }: ResultRoute): Record<string, unknown> {
  return { dst: destination, ...(gateway === undefined ? {} : { gw: gateway }) };
}
