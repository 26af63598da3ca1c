import fc from "fast-check";
import { isIPv4, isIPv6 } from "node:net";
import { expect, test } from "vitest";
import {
  type Cidr,
  cidrContains,
  formatAddress,
  formatCidr,
  hostCidr,
  parseAddress,
  parseCidr,
} from "#policy/model/cidr.ts";

test.each([
  ["10.1.2.3/8", "10.0.0.0/8"],
  ["0.0.0.0/0", "0.0.0.0/0"],
  ["FD00:0:0:1::7/64", "fd00:0:0:1::/64"],
  ["2001:db8:0:0:1:0:0:1/128", "2001:db8::1:0:0:1/128"],
  ["2001:0:0:1:0:0:0:1/128", "2001:0:0:1::1/128"],
  ["1:0:2:3:4:5:6:7/128", "1:0:2:3:4:5:6:7/128"],
  ["::/0", "::/0"],
  ["::ffff:1.2.3.4/128", "::ffff:102:304/128"],
])("%s is %s", (text, canonical) => {
  expect(formatCidr(parseCidr(text) as Cidr)).toBe(canonical);
});

test.each([
  "10.0.0.0",
  "10.0.0/8",
  "10.0.0.0/33",
  "10.0.0.0/08",
  "10.0.0.0/",
  "10.0.0.0/-1",
  "10.0.0.0/8 ",
  "010.0.0.0/8",
  "256.0.0.0/8",
  "10.0.0.0.0/8",
  "::/129",
  "1::2::3/8",
  ":::/8",
  "1:2:3:4:5:6:7/64",
  "1:2:3:4:5:6:7:8:9/64",
  "1:2:3:4:5:6:7::8/64x",
  "fe80::1%eth0/64",
  "12345::/16",
  "1.2.3.4::/16",
  "::1.2.3/16",
  "",
  "/8",
  "a/8",
])("%j is no CIDR", (text) => {
  expect(parseCidr(text)).toBeNull();
});

const address = fc.oneof(
  fc.record({ family: fc.constant(4 as const), value: fc.bigInt(0n, (1n << 32n) - 1n) }),
  fc.record({ family: fc.constant(6 as const), value: fc.bigInt(0n, (1n << 128n) - 1n) }),
  fc.ipV6().map((text) => parseAddress(text) ?? { family: 6 as const, value: 0n }),
);
const cidr = fc
  .tuple(address, fc.nat(128))
  .map(([one, bits]) => parseCidr(`${formatAddress(one)}/${bits % (one.family === 4 ? 33 : 129)}`) as Cidr);

test("an address survives its text", () => {
  fc.assert(
    fc.property(address, (one) => {
      expect(parseAddress(formatAddress(one))).toEqual(one);
    }),
  );
});

test("what node:net calls an address is one, and nothing else is", () => {
  const text = fc.oneof(fc.ipV4(), fc.ipV6(), fc.stringMatching(/^[0-9a-f:.]{0,20}$/));
  fc.assert(
    fc.property(text, (one) => {
      expect(parseAddress(one) !== null).toBe(isIPv4(one) || isIPv6(one));
    }),
    { numRuns: 2000 },
  );
});

test("a CIDR contains exactly the addresses from its first to its last", () => {
  fc.assert(
    fc.property(cidr, address, (range, one) => {
      const size = 1n << BigInt((range.family === 4 ? 32 : 128) - range.bits);
      const inside = one.family === range.family && one.value >= range.address && one.value < range.address + size;
      expect(cidrContains(range, hostCidr(one))).toBe(inside);
      expect(cidrContains(range, hostCidr({ family: range.family, value: range.address + size - 1n }))).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
