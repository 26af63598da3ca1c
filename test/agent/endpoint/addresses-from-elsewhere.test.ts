import { expect, test } from "vitest";
import { makeIpam } from "#test/support/make-ipam.ts";
import { makeNodeParts } from "./node-parts.ts";

const elsewhere = { from: "elsewhere", ipv4: "10.0.0.2", ipv6: null } as const;
const device = { hostInterface: "vethab12", mac: "02:00:00:00:00:02", hostMac: "02:00:00:00:00:03", mtu: 1500 };

test("an address that another plugin gave is not the pool's to give", async () => {
  const { attach, create } = makeNodeParts();
  await create("chained", {}, { addresses: elsewhere, device });
  expect(await attach("pod", {})).toBe("10.0.0.3");
});

test("what the other plugin gives again at once, it may give again", async () => {
  const { endpoints, create } = makeNodeParts();
  for (const name of ["first", "second"]) {
    expect(await create(name, {}, { addresses: elsewhere, device })).toMatchObject({ ipv4: "10.0.0.2", pool: null });
    await endpoints.release(name, "eth0");
  }
});

test("an address that a pod of the pool has is refused, and stays that pod's", async () => {
  const { attach, create, endpoints } = makeNodeParts();
  expect(await attach("pod", {})).toBe("10.0.0.2");
  await expect(create("chained", {}, { addresses: elsewhere, device })).rejects.toMatchObject({ code: "exists" });
  await endpoints.release("chained", "eth0");
  expect(await attach("other", {})).toBe("10.0.0.3");
});

test("an address of the node itself is refused: it would be the pod's to policy, and nobody's when the pod is gone", async () => {
  const { create } = makeNodeParts();
  const asked = create("pod", {}, { addresses: { ...elsewhere, ipv4: "10.0.0.1" }, device });
  await expect(asked).rejects.toThrow("with 10.0.0.1: the node has it");
});

test("addresses of a lease of the same pod stay the lease's, whatever else is reserved and released with them", async () => {
  const { ipam } = makeIpam(["10.0.0.0/24", "fd00::/64"]);
  const { ipv4 } = await ipam.allocate({ owner: "default/pod" });
  const reserved = ipam.reserve({ ipv4, ipv6: "fd00::77" }, "default/pod");
  expect(reserved).toEqual({ ipv4: null, ipv6: "fd00::77" });
  ipam.release(reserved);
  expect(() => ipam.reserve({ ipv4, ipv6: null }, "default/other")).toThrow("default/pod has it");
});

test("a range that comes later has no address to give that another plugin gave before", async () => {
  const { ipam } = makeIpam([]);
  ipam.reserve({ ipv4: "10.0.0.2", ipv6: null }, "default/pod");
  ipam.setRanges(["10.0.0.0/24"]);
  expect(await ipam.allocate({ owner: "default/other" })).toMatchObject({ ipv4: "10.0.0.3" });
});
