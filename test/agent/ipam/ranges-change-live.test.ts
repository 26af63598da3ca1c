import { expect, test } from "vitest";
import { makeIpam } from "#test/support/make-ipam.ts";

test("a further range is used from the next pod on, and whoever listens hears of it first", async () => {
  const { ipam } = makeIpam(["10.0.0.0/30"]);
  const heard: string[][] = [];
  ipam.onChange(() => heard.push([...ipam.cidrs, ...ipam.fill.map(({ used }) => String(used))]));
  await ipam.allocate({ owner: "a" });
  ipam.setRanges(["10.0.0.0/30", "10.1.0.7/24"]);
  expect(heard).toEqual([["10.0.0.0/30", "10.1.0.0/24", "1", "0"]]);
  expect((await ipam.allocate({ owner: "b" })).ipv4).toBe("10.1.0.2");
  ipam.setRanges(["10.0.0.0/30", "10.1.0.0/24"]);
  expect(heard).toHaveLength(1);
});

test("a further family has a gateway from then on, which does not change", async () => {
  const { ipam } = makeIpam(["10.0.0.0/24"]);
  ipam.setRanges(["fd00::/64", "10.0.0.0/24"]);
  expect(ipam.gateway).toEqual({ ipv4: "10.0.0.1", ipv6: "fd00::1" });
  expect(await ipam.allocate({ owner: "a" })).toMatchObject({ ipv4: "10.0.0.2", ipv6: "fd00::2" });
});

test("a range goes when no pod has an address of it", async () => {
  const { ipam, clock } = makeIpam(["10.0.0.0/30", "10.1.0.0/24"]);
  await ipam.allocate({ owner: "a" });
  const lease = await ipam.allocate({ owner: "shop/web" });
  expect(() => ipam.setRanges(["10.0.0.0/30"])).toThrow(
    "remove the range 10.1.0.0/24: shop/web has an address of it; delete these pods first",
  );
  ipam.release(lease);
  ipam.setRanges(["10.0.0.0/30"]);
  expect(ipam.cidrs).toEqual(["10.0.0.0/30"]);
  ipam.setRanges(["10.0.0.0/30", "10.1.0.0/24"]);
  expect(ipam.fill[1]).toMatchObject({ cooling: 1 });
  clock.advance(30_000);
  expect(ipam.fill[1]).toMatchObject({ cooling: 0 });
});

test.each([
  [["10.1.0.0/24"], "put 10.1.0.0/24 in the first place of 10.0.0.0/24: pods know this node by the address 10.0.0.1"],
  [["10.1.0.0/24", "10.0.0.0/24"], "put 10.1.0.0/24 in the first place of 10.0.0.0/24"],
  [["fd00::/64"], "put nothing in the first place of 10.0.0.0/24"],
  [["10.0.0.0/24", "10.0.0.128/25"], "use the range 10.0.0.128/25: it overlaps 10.0.0.0/24"],
  [["10.0.0.0/24", "10.1.0.0/32"], "use the range 10.1.0.0/32: it has no room for a gateway and a pod"],
])("%j is refused, and nothing is changed", (ranges, text) => {
  const { ipam } = makeIpam(["10.0.0.0/24"]);
  expect(() => ipam.checkRanges(ranges)).toThrow(text);
  expect(() => ipam.setRanges(ranges)).toThrow(text);
  expect(ipam.cidrs).toEqual(["10.0.0.0/24"]);
});
