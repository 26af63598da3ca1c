import { type Address, type Cidr, cidrContains, hostCidr, parseCidr } from "./cidr.ts";

/**
 * Ranges that mean something to whoever sends to them, not to somebody on the network: this host, loopback, this link, groups,
 * and IPv4 in the guise of IPv6; behind a gateway (NAT64) such that must not be called in that guise, since they are somebody's
 * inside. RFC 6890, RFC 4291, RFC 6052 section 3.1.
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
  "64:ff9b::0.0.0.0/104",
  "64:ff9b::10.0.0.0/104",
  "64:ff9b::100.64.0.0/106",
  "64:ff9b::127.0.0.0/104",
  "64:ff9b::169.254.0.0/112",
  "64:ff9b::172.16.0.0/108",
  "64:ff9b::192.168.0.0/112",
  "64:ff9b::224.0.0.0/99",
].map((text) => parseCidr(text) as Cidr);

/** Whether an address is somebody's on a network, so that a DNS name can stand for it. */
export function isOrdinaryAddress(address: Address): boolean {
  const host = hostCidr(address);
  return !special.some((range) => cidrContains(range, host));
}
