import { expect, test } from "vitest";

import { parsePrevResult } from "#cni/prev-result.ts";

const good = {
  cniVersion: "1.0.0",
  interfaces: [
    { name: "weir01", mac: "02:00:00:00:00:01" },
    { name: "eth0", mac: "02:00:00:00:00:0A", sandbox: "/run/netns/a" },
  ],
  ips: [
    { address: "10.0.0.7/32", gateway: "10.0.0.1", interface: 1 },
    { address: "FD00:0::7/128", interface: 1 },
    { address: "192.0.2.1/24", interface: 0 },
  ],
  routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }, { dst: "10.9.0.0/16" }],
};

test("gives what belongs to the interface, in canonical text", () => {
  expect(parsePrevResult(good, "eth0", "/run/netns/a")).toEqual({
    ok: true,
    value: {
      mac: "02:00:00:00:00:0a",
      addresses: ["10.0.0.7/32", "fd00::7/128"],
      routes: [
        { destination: "0.0.0.0/0", gateway: "10.0.0.1" },
        { destination: "10.9.0.0/16", gateway: undefined },
      ],
    },
  });
});

test("takes the lists that a runtime left out for empty", () => {
  const { interfaces } = good;
  expect(parsePrevResult({ interfaces, ips: null }, "eth0", "/run/netns/a")).toMatchObject({
    ok: true,
    value: { addresses: [], routes: [] },
  });
});

test.for([
  [undefined, "prevResult is missing: CHECK needs the result of ADD"],
  ["x", 'invalid prevResult: "x" is not an object'],
  [{ ...good, ips: [{ address: "10.0.0.7" }] }, 'invalid prevResult: ips[0].address: "10.0.0.7" is not ADDRESS/BITS'],
  [{ ...good, interfaces: [] }, "prevResult has no interface eth0 in /run/netns/a"],
] as const)("%j is refused", ([value, message]) => {
  expect(parsePrevResult(value, "eth0", "/run/netns/a")).toMatchObject({ ok: false, error: { code: 7, message } });
});
