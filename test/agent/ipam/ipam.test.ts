import { expect, test } from "vitest";
import { makeIpam } from "#test/support/make-ipam.ts";

const both = ["10.0.0.0/24", "fd00::/64"];
const coded = (code: string): Error => expect.objectContaining({ code }) as Error;

test.each([
  [both, { ipv4: "10.0.0.2", ipv6: "fd00::2" }, { ipv4: "10.0.0.1", ipv6: "fd00::1" }],
  [["10.0.0.0/24"], { ipv4: "10.0.0.2", ipv6: null }, { ipv4: "10.0.0.1", ipv6: null }],
  [["fd00::/64"], { ipv4: null, ipv6: "fd00::2" }, { ipv4: null, ipv6: "fd00::1" }],
])("of %j a pod gets an address of each family that there is", async (ranges, pair, gateway) => {
  const { ipam } = makeIpam(ranges);
  expect(ipam.gateway).toEqual(gateway);
  expect(await ipam.allocate({ owner: "shop/web" })).toEqual({ ...pair, pool: "default" });
});

test("when one family is exhausted, nothing of the other is taken", async () => {
  const { ipam } = makeIpam(["10.0.0.0/24", "fd00::/126"]);
  await ipam.allocate({ owner: "a" });
  await ipam.allocate({ owner: "b" });
  await expect(ipam.allocate({ owner: "c" })).rejects.toThrow(
    "allocate an address: pool fd00::/126 has 2 of 2 addresses in use; remove pods, or give the pool a further range",
  );
  expect(ipam.fill.map(({ used, cooling }) => [used, cooling])).toEqual([
    [2, 0],
    [2, 0],
  ]);
});

test("the ranges of a family are used in their order, and have the gateway of the first", async () => {
  const { ipam } = makeIpam(["10.0.0.0/30", "fd00::/64", "10.1.0.0/30"]);
  const pairs = [await ipam.allocate({ owner: "a" }), await ipam.allocate({ owner: "b" })];
  expect(pairs.map(({ ipv4 }) => ipv4)).toEqual(["10.0.0.2", "10.1.0.2"]);
  expect(ipam.gateway).toEqual({ ipv4: "10.0.0.1", ipv6: "fd00::1" });
  await expect(ipam.allocate({ owner: "c" })).rejects.toThrow("pool 10.0.0.0/30, 10.1.0.0/30 has 2 of 2 addresses");
});

test("a full pool tells when an address is free again", async () => {
  const { ipam, clock } = makeIpam(["10.0.0.0/30"]);
  const lease = await ipam.allocate({ owner: "a" });
  ipam.release(lease);
  clock.advance(10_500);
  await expect(ipam.allocate({ owner: "b" })).rejects.toThrow(
    "0 of 1 addresses in use and 1 released too recently to be used again; try again in 20 s",
  );
  expect(ipam.obstacles()).toEqual([expect.stringContaining("try again in 20 s")]);
  clock.advance(19_500);
  expect((await ipam.allocate({ owner: "b" })).ipv4).toBe("10.0.0.2");
});

test("a pool that becomes nearly full is told once, until it has been less full", async () => {
  const { ipam, warnings, clock } = makeIpam(["10.0.0.0/28"]);
  const leases = [];
  for (let n = 0; n < 11; n++) leases.push(await ipam.allocate({ owner: `pod-${n}` }));
  expect(warnings).toEqual(["pool 10.0.0.0/28 is nearly full: 11 of 13 addresses"]);
  expect(ipam.warnings()).toEqual(warnings);
  leases.push(await ipam.allocate({ owner: "x" }), await ipam.allocate({ owner: "y" }));
  expect([warnings.length, ipam.warnings()]).toEqual([1, ["pool 10.0.0.0/28 is full: 13 of 13 addresses"]]);
  for (const lease of leases.splice(0, 5)) ipam.release(lease);
  clock.advance(30_000);
  ipam.release(leases.pop() as (typeof leases)[number]);
  expect(ipam.warnings()).toEqual([]);
  for (let n = 0; n < 4; n++) await ipam.allocate({ owner: `again-${n}` });
  expect(warnings).toHaveLength(2);
});

test("a node without a range says what it waits for", async () => {
  const { ipam } = makeIpam([], { awaited: "podCIDRs in the Node object n1" });
  await expect(ipam.allocate({ owner: "shop/web" })).rejects.toThrow(
    "give addresses to shop/web: this node has no addresses for pods yet: it waits for podCIDRs in the Node object n1",
  );
  expect(ipam.obstacles()).toEqual([expect.stringContaining("it waits for podCIDRs")]);
  ipam.setRanges(both);
  expect([ipam.obstacles(), ipam.gateway]).toEqual([[], { ipv4: "10.0.0.1", ipv6: "fd00::1" }]);
});

test("asked-for addresses are given, with any of the families that are not asked for", async () => {
  const { ipam } = makeIpam(both);
  expect(await ipam.allocate({ owner: "shop/web", addresses: ["10.0.0.77/24"] })).toMatchObject({
    ipv4: "10.0.0.77",
    ipv6: "fd00::2",
  });
  expect(await ipam.allocate({ owner: "shop/db", addresses: ["FD00:0::9", "10.0.0.9"] })).toMatchObject({
    ipv4: "10.0.0.9",
    ipv6: "fd00::9",
  });
});

test.each([
  [["10.0.0.77"], "address-in-use", "give 10.0.0.77 to shop/db: shop/web has it"],
  [["fd00::1:1", "10.0.0.77"], "address-in-use", "shop/web has it"],
  [["10.9.0.7"], "address-outside", "it is not in any pool of this node: 10.0.0.0/24, fd00::/64"],
  [["10.0.0.1"], "address-outside", "it is not an address for pods in 10.0.0.0/24"],
  [["10.0.0.5", "10.0.0.6"], "bad-request", "a pod has one address of each family"],
  [["web"], "bad-request", "it is no address"],
])("%j is refused: %s", async (addresses, code, text) => {
  const { ipam } = makeIpam(both);
  await ipam.allocate({ owner: "shop/web", addresses: ["10.0.0.77"] });
  const refused = ipam.allocate({ owner: "shop/db", addresses });
  await expect(refused).rejects.toThrow(coded(code));
  await expect(refused).rejects.toThrow(text);
  expect(ipam.fill.map(({ used, cooling }) => [used, cooling])).toEqual([
    [1, 0],
    [1, 0],
  ]);
});

test("a restart reserves what the records say, of both families or of none", () => {
  const { ipam } = makeIpam(both);
  ipam.restore({ ipv4: "10.0.0.7", ipv6: "fd00::7" }, "web");
  expect(() => ipam.restore({ ipv4: "10.0.0.8", ipv6: "fd00::7" }, "db")).toThrow("web has it");
  expect(ipam.fill.map(({ used }) => used)).toEqual([1, 1]);
});

test("addresses of a range that the node had once are left alone, and are still in use when it has it again", async () => {
  const { ipam } = makeIpam(["10.0.0.0/24"]);
  const [web, db] = [
    { ipv4: "10.9.0.2", ipv6: null },
    { ipv4: "10.9.0.3", ipv6: null },
  ];
  ipam.restore(web, "web");
  ipam.restore(db, "db");
  ipam.release(db);
  expect(ipam.fill.map(({ used, cooling }) => [used, cooling])).toEqual([[0, 0]]);
  ipam.setRanges(["10.0.0.0/24", "10.9.0.0/29"]);
  expect(ipam.fill.map(({ used }) => used)).toEqual([0, 1]);
  await expect(ipam.allocate({ owner: "x", addresses: ["10.9.0.2"] })).rejects.toThrow("web has it");
});
