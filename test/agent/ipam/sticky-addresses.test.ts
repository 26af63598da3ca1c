import type { Ipam } from "#agent/ipam/ipam.ts";
import type { Lease } from "#agent/ipam/lease.ts";
import { expect, test } from "vitest";
import { makeIpam } from "#test/support/make-ipam.ts";

const come = (ipam: Ipam, name: string): Promise<Lease> => {
  return ipam.allocate({ owner: `shop/${name}`, stickyKey: `shop/${name}/eth0` });
};

test("who comes again gets the same addresses, within the cool-down and long after it", async () => {
  const { ipam, clock } = makeIpam(["10.0.0.0/24", "fd00::/64"]);
  const first = await come(ipam, "db-0");
  ipam.release(first);
  expect(await come(ipam, "db-0")).toEqual(first);
  ipam.release(first);
  clock.advance(3_600_000);
  for (let n = 0; n < 252; n++) await ipam.allocate({ owner: `other-${n}` });
  expect(await come(ipam, "db-0")).toEqual(first);
});

test("over restarts, too", async () => {
  const { ipam, clock, restart } = makeIpam(["10.0.0.0/24", "fd00::/64"]);
  await ipam.allocate({ owner: "x" });
  const first = await come(ipam, "db-0");
  const second = restart();
  second.restore(first, "shop/db-0");
  second.release(first);
  clock.advance(60_000);
  const third = restart();
  expect(third.fill.map(({ kept }) => kept)).toEqual([1, 1]);
  expect(await come(third, "db-0")).toEqual(first);
});

test("when nothing else is left, the addresses kept longest are given to others, and are theirs", async () => {
  const { ipam, clock, restart } = makeIpam(["10.0.0.0/29"]);
  const leases: Lease[] = [];
  for (let n = 0; n < 3; n++) leases.push(await come(ipam, `db-${n}`));
  for (const n of [1, 0, 2]) {
    ipam.release(leases[n] as Lease);
    clock.advance(1_000);
  }
  await ipam.allocate({ owner: "a" });
  await ipam.allocate({ owner: "b" });
  await expect(ipam.allocate({ owner: "c" })).rejects.toThrow("try again in 27 s");
  clock.advance(30_000);
  expect((await ipam.allocate({ owner: "c" })).ipv4).toBe(leases[1]?.ipv4);
  expect((await come(ipam, "db-1")).ipv4).toBe(leases[0]?.ipv4);
  const second = restart();
  expect((await come(second, "db-2")).ipv4).toBe(leases[2]?.ipv4);
});

test("a new container beside the old one gets another address, which is the pod's from then on", async () => {
  const { ipam } = makeIpam(["10.0.0.0/24"]);
  const [old, fresh] = [await come(ipam, "db-0"), await come(ipam, "db-0")];
  expect(fresh.ipv4).not.toBe(old.ipv4);
  ipam.release(old);
  ipam.release(fresh);
  expect(ipam.fill).toMatchObject([{ cooling: 1, kept: 1 }]);
  expect(await come(ipam, "db-0")).toEqual(fresh);
});

test("a family whose address has gone to somebody else gets a new one, the other keeps its own", async () => {
  const { ipam, clock } = makeIpam(["10.0.0.0/30", "fd00::/64"]);
  const first = await come(ipam, "db-0");
  ipam.release(first);
  clock.advance(30_000);
  const taker = await ipam.allocate({ owner: "x" });
  expect(taker.ipv4).toBe(first.ipv4);
  ipam.release(taker);
  clock.advance(30_000);
  expect(await come(ipam, "db-0")).toEqual(first);
});

test("no more than ten thousand pods are remembered, those of which nothing was heard longest are forgotten", async () => {
  const { ipam } = makeIpam(["fd00::/64"]);
  for (let n = 0; n < 10_001; n++) ipam.release(await come(ipam, `db-${n}`));
  expect(ipam.fill).toMatchObject([{ kept: 10_000, cooling: 1 }]);
  expect((await come(ipam, "db-1")).ipv6).toBe("fd00::3");
  expect((await come(ipam, "db-0")).ipv6).toBe("fd00::2713");
});
