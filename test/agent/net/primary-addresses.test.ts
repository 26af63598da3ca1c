import { expect, test } from "vitest";
import { primaryAddresses } from "#agent/net/primary-addresses.ts";
import type { InterfaceAddress } from "#agent/netlink/address.ts";
import { AddressFlag, RouteScope } from "#agent/netlink/constants.ts";

const on = (index: number, address: string, flags = 0, scope: number = RouteScope.UNIVERSE): InterfaceAddress => {
  return { index, address, prefix: address.includes(":") ? 64 : 24, scope, flags };
};

test("the first global address of each family, of this device only", () => {
  const addresses = [on(2, "192.0.2.9"), on(3, "192.0.2.1"), on(3, "192.0.2.2"), on(3, "2001:db8::1")];
  expect(primaryAddresses(addresses, 3)).toEqual({ ipv4: "192.0.2.1", ipv6: "2001:db8::1" });
  expect(primaryAddresses(addresses, 2)).toEqual({ ipv4: "192.0.2.9", ipv6: null });
  expect(primaryAddresses(addresses, 4)).toEqual({ ipv4: null, ipv6: null });
});

test("one that is there to stay goes before temporary, deprecated and untried ones", () => {
  const { SECONDARY, DEPRECATED, TENTATIVE, DAD_FAILED } = AddressFlag;
  const best = (...addresses: InterfaceAddress[]) => primaryAddresses(addresses, 1).ipv6;
  const stays = on(1, "2001:db8::5");
  expect(
    best(
      on(1, "fe80::1", 0, RouteScope.LINK),
      on(1, "2001:db8::2", SECONDARY),
      on(1, "2001:db8::3", DEPRECATED),
      stays,
    ),
  ).toBe(stays.address);
  expect(best(on(1, "2001:db8::4", TENTATIVE), stays)).toBe(stays.address);
  expect(best(on(1, "2001:db8::2", SECONDARY), on(1, "2001:db8::4", TENTATIVE))).toBe("2001:db8::4");
  expect(best(on(1, "2001:db8::2", SECONDARY))).toBe("2001:db8::2");
  expect(best(on(1, "2001:db8::6", DAD_FAILED))).toBeNull();
});
