import { expect, test } from "vitest";

import { parseIpamResult, parsePrevResult } from "#agent/cni/prev-result.ts";

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
    given: good,
    mac: "02:00:00:00:00:0a",
    addresses: [
      { address: "10.0.0.7", bits: 32, gateway: "10.0.0.1" },
      { address: "fd00::7", bits: 128, gateway: undefined },
    ],
    routes: [
      { destination: "0.0.0.0/0", gateway: "10.0.0.1" },
      { destination: "10.9.0.0/16", gateway: undefined },
    ],
    hostInterfaces: ["weir01"],
  });
});

test("takes the lists that a runtime left out for empty", () => {
  const { interfaces } = good;
  const result = parsePrevResult({ interfaces, ips: null }, "eth0", "/run/netns/a");
  expect(result).toMatchObject({ addresses: [], routes: [] });
});

test.for([
  ["x", "invalid prevResult: "],
  [{ ...good, ips: [{ address: "10.0.0.7" }] }, "invalid prevResult: ips.0.address: must be ADDRESS/BITS"],
  [{ ...good, interfaces: [] }, "invalid prevResult: it has no interface eth0 in /run/netns/a"],
] as const)("%j is refused", ([value, message]) => {
  expect(() => parsePrevResult(value, "eth0", "/run/netns/a")).toThrow(
    expect.objectContaining({ code: 7, message: expect.stringContaining(message) }),
  );
});

test("cni-90 an IPAM plugin's result has addresses, gateways and routes", () => {
  const said = {
    cniVersion: "1.0.0",
    ips: [{ address: "10.1.0.5/24", gateway: "10.1.0.1" }],
    routes: [{ dst: "0.0.0.0/0" }],
  };
  expect(parseIpamResult("static", JSON.stringify(said))).toMatchObject({
    addresses: [{ address: "10.1.0.5", bits: 24, gateway: "10.1.0.1" }],
    routes: [{ destination: "0.0.0.0/0", gateway: undefined }],
  });
});

test.for(["", "{}", '{"ips":[]}', '{"ips":[{"address":"x"}]}'])("an IPAM plugin that says %j is code 104", (said) => {
  expect(() => parseIpamResult("static", said)).toThrow(expect.objectContaining({ code: 104 }));
});
