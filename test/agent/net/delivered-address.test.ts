import { expect, test } from "vitest";

import { deliveredAddress } from "#agent/net/node-addresses.ts";
import { parseRoute } from "#agent/netlink/route.ts";

/** A route's payload, in hexadecimal, as the kernel sends it: rtmsg, then attributes. */
function deliveredBy(payload: string): string[] {
  const outcome = parseRoute(Buffer.from(payload.replaceAll(" ", ""), "hex"));
  if (!outcome.ok) throw new Error(outcome.error);
  return deliveredAddress(outcome.value);
}

const table = (hex: string): string => `0800 0f00 ${hex}000000`;
const device = "0800 0400 03000000";
const ipv4 = (hex: string): string => `0800 0100 ${hex}`;
const ipv6 = (hex: string): string => `1400 0100 ${hex}`;

test.for<[string, string, string[]]>([
  ["RTN_LOCAL", `02 20 00 00 ff 02 fe 02 00000000 ${table("ff")} ${ipv4("cb007109")} ${device}`, ["203.0.113.9"]],
  ["RTN_BROADCAST", `02 20 00 00 ff 02 fd 03 00000000 ${table("ff")} ${ipv4("cb0071ff")} ${device}`, ["203.0.113.255"]],
  [
    "RTN_ANYCAST",
    `0a 80 00 00 ff 02 00 04 00000000 ${table("ff")} ${ipv6("20010db8000000000000000000000000")} ${device}`,
    ["2001:db8::"],
  ],
  ["RTN_UNICAST", `02 20 00 00 ff 04 fd 01 00000000 ${table("ff")} ${ipv4("cb007109")} ${device}`, []],
  ["RTN_MULTICAST", `0a 08 00 00 ff 02 00 05 00000000 ${table("ff")} ${ipv6(`ff${"00".repeat(15)}`)} ${device}`, []],
  ["a prefix", `02 18 00 00 ff 04 fe 02 00000000 ${table("ff")} ${ipv4("cb007100")} ${device}`, []],
  ["32 bits of IPv6", `0a 20 00 00 ff 04 00 02 00000000 ${table("ff")} ${ipv6(`20010db8${"00".repeat(12)}`)}`, []],
  ["another table", `02 20 00 00 64 04 fe 02 00000000 ${table("64")} ${ipv4("cb007109")} ${device}`, []],
])("%s", ([, payload, addresses]) => {
  expect(deliveredBy(payload)).toEqual(addresses);
});
