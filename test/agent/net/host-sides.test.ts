import { beforeEach, expect, test } from "vitest";

import { ensureHostSide, hostSideProblems, listHostSides, removeHostSide } from "#agent/net/host-sides.ts";
import { needs } from "#test/support/requirement.ts";

import { VethPair } from "./veth.ts";

beforeEach(needs("root", "namespaces"));

test("a host side is brought to its spec once, and then left alone", () => {
  using pair = new VethPair();
  const first = pair.onNode((connection) => ensureHostSide(connection, pair.spec));
  expect(first.mended).toContain("route to 10.88.0.7 through weir0123456789a is missing");
  const second = pair.onNode((connection) => ensureHostSide(connection, pair.spec));
  expect(second).toEqual({ ifindex: first.ifindex, mended: [] });
  expect(pair.onNode((connection) => hostSideProblems(connection, pair.spec))).toEqual([]);
});

test("the kernel holds addresses, routes, neighbours and settings as ip(8) sees them", () => {
  using pair = new VethPair();
  pair.onNode((connection) => ensureHostSide(connection, pair.spec));
  const { node } = pair;
  expect(node.run("ip", "-oneline", "address", "show", "weir0123456789a")).toMatch(
    /inet 10\.88\.0\.1\/32 [^\n]*\n.*inet6 fd88::1\/128 scope global nodad noprefixroute[^\n]*\n$/,
  );
  expect(node.run("ip", "route")).toBe("10.88.0.7 dev weir0123456789a proto 87 scope link linkdown \n");
  expect(node.run("ip", "-6", "route", "show", "proto", "87")).toContain("fd88::7 dev weir0123456789a");
  expect(node.run("ip", "neigh")).toContain("10.88.0.7 dev weir0123456789a lladdr 02:00:00:00:00:02 PERMANENT");
  const setting = (path: string) => node.run("cat", `/proc/sys/net/${path}`).trim();
  expect(setting("ipv4/conf/weir0123456789a/forwarding")).toBe("1");
  expect(setting("ipv6/conf/weir0123456789a/accept_ra")).toBe("0");
});

test.for([
  ["ip link set weir0123456789a down", "weir0123456789a is down"],
  ["ip link set weir0123456789a mtu 1400", "weir0123456789a has MTU 1400"],
  ["ip route del 10.88.0.7", "route to 10.88.0.7 through weir0123456789a is missing"],
  ["ip -6 route del fd88::7", "route to fd88::7 through weir0123456789a is missing"],
  ["ip neigh del 10.88.0.7 dev weir0123456789a", "neighbour 10.88.0.7 on weir0123456789a is missing"],
  ["ip address del 10.88.0.1/32 dev weir0123456789a", "address 10.88.0.1 on weir0123456789a is missing"],
  ["ip address add 10.1.0.1/24 dev weir0123456789a", "weir0123456789a has the stray address 10.1.0.1/24"],
  ["ip route add 10.2.0.0/16 dev weir0123456789a proto 87", "stray route to 10.2.0.0/16 through weir0123456789a"],
  [
    "echo 1 > /proc/sys/net/ipv6/conf/weir0123456789a/accept_ra",
    "sysctl net/ipv6/conf/weir0123456789a/accept_ra is not 0",
  ],
] as const)("after %j it is found and mended", ([damage, problem]) => {
  using pair = new VethPair();
  pair.onNode((connection) => ensureHostSide(connection, pair.spec));
  pair.node.run("sh", "-c", damage);
  expect(pair.onNode((connection) => hostSideProblems(connection, pair.spec))).toContain(problem);
  pair.onNode((connection) => ensureHostSide(connection, pair.spec));
  expect(pair.onNode((connection) => hostSideProblems(connection, pair.spec))).toEqual([]);
});

test("a device that is missing is an error for ensure, and a problem for a check", () => {
  using pair = new VethPair();
  const spec = { ...pair.spec, name: "weir00000000000" };
  expect(() => pair.onNode((connection) => ensureHostSide(connection, spec))).toThrow(
    expect.objectContaining({ code: "missing-interface" }),
  );
  expect(pair.onNode((connection) => hostSideProblems(connection, spec))).toEqual([
    "interface weir00000000000 is missing",
  ]);
});

test("removing takes both sides away, and is no error when they are gone", () => {
  using pair = new VethPair();
  expect(removeHostSide(pair.connection, pair.spec.name)).toBe(true);
  expect(removeHostSide(pair.connection, pair.spec.name)).toBe(false);
  expect(pair.pod.run("ip", "-brief", "link")).not.toContain("eth0");
});

test("only veths of our names are listed", () => {
  using pair = new VethPair();
  pair.node.run("ip", "link", "add", "weir0", "type", "veth", "peer", "name", "other0");
  pair.node.run("ip", "link", "add", "weirffffffffff0", "type", "bridge");
  expect(listHostSides(pair.connection).map(({ name }) => name)).toEqual(["weir0123456789a"]);
});
