import { AddressPool } from "#agent/ipam/address-pool.ts";
import { FakeClock } from "#test/support/fake-clock.ts";
import { expect, test } from "vitest";

const clock = new FakeClock();

test("a pod gets an address of each family that the node has", () => {
  const both = new AddressPool({ ipv4: "10.0.0.0/24", ipv6: "fd00::/64", clock });
  expect(both.gateway).toEqual({ ipv4: "10.0.0.1", ipv6: "fd00::1" });
  expect(both.allocate("web")).toEqual({ ipv4: "10.0.0.2", ipv6: "fd00::2" });
  const six = new AddressPool({ ipv4: null, ipv6: "fd00::/64", clock });
  expect(six.allocate("web")).toEqual({ ipv4: null, ipv6: "fd00::2" });
  expect(six.gateway.ipv4).toBeNull();
});

test("when one family is exhausted, nothing of the other is taken", () => {
  const pool = new AddressPool({ ipv4: "10.0.0.0/24", ipv6: "fd00::/126", clock });
  pool.allocate("a");
  pool.allocate("b");
  expect(() => pool.allocate("c")).toThrow(/pool fd00::\/126/);
  expect(pool.fill.map(({ used, cooling }) => [used, cooling])).toEqual([
    [2, 0],
    [2, 0],
  ]);
});

test("a restart reserves what the records say, of both families or of none", () => {
  const pool = new AddressPool({ ipv4: "10.0.0.0/24", ipv6: "fd00::/64", clock });
  pool.reserve({ ipv4: "10.0.0.7", ipv6: "fd00::7" }, "web");
  expect(() => pool.reserve({ ipv4: "10.0.0.8", ipv6: "fd00::7" }, "db")).toThrow("web has it");
  expect(pool.fill.map(({ used }) => used)).toEqual([1, 1]);
});

test("addresses of a range that the node had once are left alone", () => {
  const pool = new AddressPool({ ipv4: "10.0.0.0/24", ipv6: null, clock });
  const old = { ipv4: "10.9.0.7", ipv6: "fd00::7" };
  pool.reserve(old, "web");
  pool.release(old);
  expect(pool.fill).toEqual([{ cidr: "10.0.0.0/24", used: 0, cooling: 0, capacity: 253n }]);
});

test("a pool without a range is refused", () => {
  expect(() => new AddressPool({ ipv4: null, ipv6: null, clock })).toThrow("no range was given");
});
