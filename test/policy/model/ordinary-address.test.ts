import { expect, test } from "vitest";
import { type Address, parseAddress } from "#policy/model/cidr.ts";
import { isOrdinaryAddress } from "#policy/model/ordinary-address.ts";

const judged = (text: string): boolean => isOrdinaryAddress(parseAddress(text) as Address);

test.each([
  ["0.0.0.0", false],
  ["127.0.0.1", false],
  ["127.255.255.254", false],
  ["169.254.169.254", false],
  ["224.0.0.1", false],
  ["255.255.255.255", false],
  ["::", false],
  ["::1", false],
  ["::127.0.0.1", false],
  ["::ffff:127.0.0.1", false],
  ["fe80::1", false],
  ["ff02::1", false],
  ["93.184.216.34", true],
  ["10.0.0.1", true],
  ["2001:db8::1", true],
  ["64:ff9b::808:808", true],
  // What a gateway (NAT64) makes 10.0.0.1, 172.16.0.1, 192.168.0.1 and 169.254.169.254 of.
  ["64:ff9b::a00:1", false],
  ["64:ff9b::ac10:1", false],
  ["64:ff9b::c0a8:1", false],
  ["64:ff9b::a9fe:a9fe", false],
  ["64:ff9b::ac20:1", true],
])("a name can stand for %s: %s", (address, expected) => {
  expect(judged(address)).toBe(expected);
});
