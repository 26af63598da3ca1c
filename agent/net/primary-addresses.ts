import type { InterfaceAddress } from "#agent/netlink/address.ts";
import { AddressFlag, RouteScope } from "#agent/netlink/constants.ts";

/** Addresses by which a device is reached from anywhere; null: it has none of the family. */
export interface PrimaryAddresses {
  readonly ipv4: string | null;
  readonly ipv6: string | null;
}

const { SECONDARY, DAD_FAILED, DEPRECATED, TENTATIVE } = AddressFlag;

/** The first of the device's global addresses that is there to stay, in the order in which the kernel lists them. */
export function primaryAddresses(addresses: readonly InterfaceAddress[], index: number): PrimaryAddresses {
  const usable = addresses.filter((address) => {
    return address.index === index && address.scope === RouteScope.UNIVERSE && (address.flags & DAD_FAILED) === 0;
  });
  const first = (isIpv6: boolean): string | null => {
    const ofFamily = usable.filter(({ address }) => address.includes(":") === isIpv6);
    // Secondary: IPv4's of a prefix that has another one, and IPv6's temporary ones (RFC 8981).
    const without = (flags: number) => ofFamily.find((address) => (address.flags & flags) === 0);
    const best = without(SECONDARY | DEPRECATED | TENTATIVE) ?? without(SECONDARY | DEPRECATED) ?? ofFamily[0];
    return best?.address ?? null;
  };
  return { ipv4: first(false), ipv6: first(true) };
}
