import { expect, test } from "vitest";

import { type HostSide, type HostSideSpec, hostSideSysctls, planHostSide } from "#agent/net/host-side.ts";

const spec: HostSideSpec = {
  name: "weir01",
  mac: "02:00:00:00:00:01",
  podMac: "02:00:00:00:00:02",
  mtu: 1450,
  addresses: [
    { address: "10.0.0.7", gateway: "10.0.0.1" },
    { address: "fd00::7", gateway: "fd00::1" },
  ],
};

const route = { gateway: null, index: 3, scope: 253, onlink: false, metric: 0, mtu: null, table: 254, type: 1 };

/** A device that is as the spec says. */
const right: HostSide = {
  link: {
    index: 3,
    name: "weir01",
    mac: spec.mac,
    mtu: 1450,
    up: true,
    loopback: false,
    kind: "veth",
    peerIndex: 2,
    master: null,
  },
  addresses: [
    { index: 3, address: "10.0.0.1", prefix: 32, scope: 0, flags: 0x280 },
    { index: 3, address: "fd00::1", prefix: 128, scope: 0, flags: 0x282 },
  ],
  routes: [
    { ...route, destination: "10.0.0.7/32", protocol: 87, source: null },
    { ...route, destination: "fd00::7/128", protocol: 87, metric: 1024, source: null },
  ],
  neighbours: [
    { index: 3, address: "10.0.0.7", mac: spec.podMac, state: 0x80 },
    { index: 3, address: "fd00::7", mac: spec.podMac, state: 0x80 },
  ],
};

function problems(now: HostSide): string[] {
  return planHostSide(spec, now).map(({ problem }) => problem);
}

test("nothing is to be done where all is right", () => {
  expect(problems(right)).toEqual([]);
});

test("a new device is brought up before it gets addresses, and routes come last", () => {
  const fresh: HostSide = { link: { ...right.link, up: false }, addresses: [], routes: [], neighbours: [] };
  expect(problems(fresh)).toEqual([
    "weir01 is down",
    "address 10.0.0.1 on weir01 is missing",
    "address fd00::1 on weir01 is missing",
    "neighbour 10.0.0.7 on weir01 is missing",
    "neighbour fd00::7 on weir01 is missing",
    "route to 10.0.0.7 through weir01 is missing",
    "route to fd00::7 through weir01 is missing",
  ]);
});

test("what somebody changed is changed back", () => {
  const changed: HostSide = {
    ...right,
    link: { ...right.link, mtu: 1500, mac: "02:00:00:00:00:99" },
    neighbours: right.neighbours.map((entry) =>
      entry.address === "10.0.0.7" ? { ...entry, mac: "02:00:00:00:00:98" } : entry,
    ),
  };
  expect(problems(changed)).toEqual([
    "weir01 has MAC address 02:00:00:00:00:99",
    "weir01 has MTU 1500",
    "neighbour 10.0.0.7 on weir01 is missing",
  ]);
});

test("strays go: addresses, permanent neighbours, routes of ours", () => {
  const changed: HostSide = {
    ...right,
    addresses: [...right.addresses, { index: 3, address: "10.0.0.9", prefix: 24, scope: 0, flags: 0x80 }],
    routes: [...right.routes, { ...route, destination: "10.0.0.8/32", protocol: 87, source: null }],
    neighbours: [...right.neighbours, { index: 3, address: "10.0.0.8", mac: spec.podMac, state: 0x80 }],
  };
  expect(problems(changed)).toEqual([
    "weir01 has the stray address 10.0.0.9/24",
    "weir01 has the stray neighbour 10.0.0.8",
    "stray route to 10.0.0.8/32 through weir01",
  ]);
});

test("what others made stays: routes of other protocols, neighbours that the kernel learned", () => {
  const shared: HostSide = {
    ...right,
    routes: [...right.routes, { ...route, destination: "10.7.0.0/16", protocol: 4, source: null }],
    neighbours: [...right.neighbours, { index: 3, address: "10.0.0.8", mac: spec.podMac, state: 2 }],
  };
  expect(problems(shared)).toEqual([]);
});

test("IPv6 is off on the device of a pod that has none", () => {
  const settings = hostSideSysctls({ ...spec, addresses: [{ address: "10.0.0.7", gateway: "10.0.0.1" }] });
  const ipv6 = settings.filter(({ path }) => path.includes("ipv6"));
  expect(ipv6).toEqual([{ path: "net/ipv6/conf/weir01/disable_ipv6", value: "1", optional: true }]);
});
