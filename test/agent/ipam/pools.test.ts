import { expect, test } from "vitest";
import { makeIpam } from "#test/support/make-ipam.ts";

const pools = new Map([
  ["default", ["10.0.0.0/24", "fd00::/64"]],
  ["blue", ["10.1.0.0/30", "fd01::/64"]],
  ["four", ["10.2.0.0/24"]],
]);

test("a named pool gives addresses of its own, under the gateway of the default one", async () => {
  const { ipam } = makeIpam([], { pools });
  expect(await ipam.allocate({ owner: "a", pool: "blue" })).toEqual({
    ipv4: "10.1.0.2",
    ipv6: "fd01::2",
    pool: "blue",
  });
  expect(await ipam.allocate({ owner: "a", pool: "four" })).toEqual({ ipv4: "10.2.0.2", ipv6: null, pool: "four" });
  expect(ipam.gateway).toEqual({ ipv4: "10.0.0.1", ipv6: "fd00::1" });
  expect(ipam.cidrs).toEqual(["10.0.0.0/24", "fd00::/64", "10.1.0.0/30", "fd01::/64", "10.2.0.0/24"]);
  expect(ipam.fill.map(({ pool, used }) => [pool, used])).toEqual([
    ["default", 0],
    ["default", 0],
    ["blue", 1],
    ["blue", 1],
    ["four", 1],
  ]);
});

test("a full pool is named, and does not keep the others from giving", async () => {
  const { ipam, warnings } = makeIpam([], { pools });
  await ipam.allocate({ owner: "a", pool: "blue" });
  expect(warnings).toEqual(["pool blue (10.1.0.0/30) is full: 1 of 1 addresses"]);
  await expect(ipam.allocate({ owner: "b", pool: "blue" })).rejects.toThrow("pool blue (10.1.0.0/30) has 1 of 1");
  expect(ipam.obstacles()).toEqual([]);
  expect(ipam.obstacles("blue")).toEqual([expect.stringContaining("pool blue (10.1.0.0/30) has 1 of 1")]);
  expect(ipam.obstacles("red")).toEqual([expect.stringContaining("this node has no pool red; it has default")]);
});

test("an unknown pool is refused, with those that there are", async () => {
  const { ipam } = makeIpam([], { pools });
  await expect(ipam.allocate({ owner: "shop/web", pool: "red" })).rejects.toThrow(
    "give addresses to shop/web: this node has no pool red; it has default, blue, four",
  );
});

test("asked-for addresses tell the pool; one that says otherwise is refused", async () => {
  const { ipam } = makeIpam([], { pools });
  expect(await ipam.allocate({ owner: "a", addresses: ["fd01::77"] })).toEqual({
    ipv4: "10.1.0.2",
    ipv6: "fd01::77",
    pool: "blue",
  });
  await expect(ipam.allocate({ owner: "a", addresses: ["10.0.0.9"], pool: "four" })).rejects.toThrow(
    "it is not in pool four: 10.2.0.0/24",
  );
  await expect(ipam.allocate({ owner: "a", addresses: ["10.0.0.9", "fd01::9"] })).rejects.toThrow(
    "10.0.0.9 and fd01::9 are of different pools",
  );
});

test("a pool of a family that the default one has not is refused: there is no gateway", async () => {
  const { ipam } = makeIpam([], { pools: new Map([...pools, ["default", ["10.0.0.0/24"]]]) });
  await expect(ipam.allocate({ owner: "a", pool: "blue" })).rejects.toThrow(
    "pool blue has IPv6 addresses, and the default pool has none",
  );
  expect(ipam.fill.every(({ used }) => used === 0)).toBe(true);
});

test("pools do not overlap", () => {
  expect(() => makeIpam([], { pools: new Map([...pools, ["red", ["10.0.0.128/25"]]]) })).toThrow(
    "use the range 10.0.0.128/25: it overlaps 10.0.0.0/24",
  );
});
