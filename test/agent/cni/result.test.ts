import { expect, test } from "vitest";

import { addResult, ipamResult } from "#agent/cni/result.ts";

const input = {
  hostInterface: "weir0123456789a",
  mac: "02:00:00:00:00:02",
  hostMac: "02:00:00:00:00:01",
  mtu: 1450,
  ifName: "eth0",
  netns: "/run/netns/a",
  addresses: [{ address: "10.0.0.7", prefix: 32, gateway: "10.0.0.1" }],
  routes: [{ destination: "0.0.0.0/0", gateway: "10.0.0.1" }],
  dns: undefined,
};
const plain = { address: "10.0.0.7/32", gateway: "10.0.0.1", interface: 1 };

test.for([
  ["0.3.0", { version: "4", ...plain }, {}],
  ["0.3.1", { version: "4", ...plain }, {}],
  ["0.4.0", { version: "4", ...plain }, {}],
  ["1.0.0", plain, {}],
  ["1.1.0", plain, { mtu: 1450 }],
] as const)("cni-88 the result of %s", ([version, ip, mtu]) => {
  expect(addResult(version, input)).toEqual({
    cniVersion: version,
    interfaces: [
      { name: "weir0123456789a", mac: "02:00:00:00:00:01", ...mtu },
      { name: "eth0", mac: "02:00:00:00:00:02", ...mtu, sandbox: "/run/netns/a" },
    ],
    ips: [ip],
    routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }],
  });
});

test("cni-13 the configuration's name servers are passed on", () => {
  const dns = { nameservers: ["10.96.0.10"], search: ["svc.cluster.local"] };
  expect(addResult("1.0.0", { ...input, dns })).toMatchObject({ dns });
});

test("cni-90 the result of an IPAM plugin has no interfaces, and addresses are on none", () => {
  expect(ipamResult("0.4.0", input)).toEqual({
    cniVersion: "0.4.0",
    ips: [{ version: "4", address: "10.0.0.7/32", gateway: "10.0.0.1" }],
    routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }],
  });
});
