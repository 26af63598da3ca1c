import { type Address, type Cidr, cidrContains, hostCidr, parseCidr } from "./cidr.ts";

/**
 * Ranges that mean something to whoever sends to them, not to somebody on the network: this host, loopback, this link, groups,
 * and IPv4 in the guise of IPv6. RFC 6890, RFC 4291.
 */
const special = [
  "0.0.0.0/8",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "::/96",
  "::ffff:0:0/96",
  "fe80::/10",
  "ff00::/8",
].map((text) => parseCidr(text) as Cidr);

/** Whether an address is somebody's on a network, so that a DNS name can stand for it. */
export function isOrdinaryAddress(address: Address): boolean {
  const host = hostCidr(address);
  return !special.some((range) => cidrContains(range, host));
}
