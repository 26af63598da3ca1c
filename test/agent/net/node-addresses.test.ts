import { beforeEach, expect, test } from "vitest";

import { NetlinkSocket } from "#agent/net/netlink-socket.ts";
import { withNetns } from "#agent/net/netns.ts";
import { nodeAddresses, watchNodeAddresses } from "#agent/net/node-addresses.ts";
import { NetlinkConnection } from "#agent/netlink/connection.ts";
import { until } from "#agent/local/until.ts";
import { needs } from "#test/support/requirement.ts";
import { NetworkNamespace } from "#test/support/network-namespace.ts";

beforeEach(needs("root", "namespaces"));

function addDevices(netns: NetworkNamespace): void {
  netns.run("ip", "link", "set", "lo", "up");
  netns.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1");
  netns.run("ip", "address", "add", "192.0.2.7/24", "dev", "up0");
  netns.run("ip", "address", "add", "2001:db8::7/64", "dev", "up0");
  netns.run("ip", "address", "add", "192.0.2.7/32", "dev", "up1");
}

test("all addresses of all devices count, each once, without loopback's", () => {
  using netns = new NetworkNamespace();
  addDevices(netns);
  netns.run("ip", "address", "add", "198.51.100.1/32", "dev", "lo");
  using socket = withNetns(netns.path, () => NetlinkSocket.open());
  expect(nodeAddresses(new NetlinkConnection(socket))).toEqual(["192.0.2.7", "198.51.100.1", "2001:db8::7"]);
});

/** A device that is up, with addresses whose subnets have broadcast and anycast addresses; without link-local ones. */
function addSubnets(netns: NetworkNamespace): void {
  netns.run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1", "net.ipv6.conf.default.forwarding=1");
  netns.run("ip", "link", "set", "lo", "up");
  netns.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1");
  for (const device of ["up0", "up1"]) {
    netns.run("ip", "link", "set", device, "addrgenmode", "none");
    netns.run("ip", "link", "set", device, "up");
  }
  netns.run("ip", "address", "add", "203.0.113.9/24", "dev", "up0");
  netns.run("ip", "address", "add", "2001:db8::1/64", "dev", "up0", "nodad");
}

const subnets = ["2001:db8::", "2001:db8::1", "203.0.113.255", "203.0.113.9"];

/** The kernel makes the routes of an IPv6 address a little after the address. */
async function settled(connection: NetlinkConnection): Promise<void> {
  await expect.poll(() => nodeAddresses(connection), { interval: 5 }).toEqual(subnets);
}

test("subnets' broadcast and anycast addresses count, and every other that the local table delivers here", async () => {
  using netns = new NetworkNamespace();
  addSubnets(netns);
  using socket = withNetns(netns.path, () => NetlinkSocket.open());
  const connection = new NetlinkConnection(socket);
  await settled(connection);
  const route = (...args: string[]) => netns.run("ip", "route", "add", ...args);
  route("local", "198.51.100.1", "dev", "lo");
  route("local", "2001:db8:1::1", "dev", "lo");
  route("broadcast", "198.51.100.2", "dev", "up0", "table", "local");
  route("anycast", "2001:db8:1::2", "dev", "up0", "table", "local");
  // For others, or looked up by rules alone, or no single address.
  route("198.51.100.3", "dev", "up0", "table", "local");
  route("blackhole", "198.51.100.4", "table", "local");
  route("local", "198.51.100.5", "dev", "lo", "table", "100");
  route("local", "198.51.100.8/29", "dev", "lo");
  const others = ["198.51.100.1", "198.51.100.2", "2001:db8:1::1", "2001:db8:1::2"];
  expect(nodeAddresses(connection)).toEqual([...others, ...subnets].sort());
});

test("an address that another host has does not count", async () => {
  using netns = new NetworkNamespace();
  addSubnets(netns);
  using socket = withNetns(netns.path, () => NetlinkSocket.open());
  const connection = new NetlinkConnection(socket);
  await settled(connection);
  netns.run("ip", "address", "del", "2001:db8::1/64", "dev", "up0");
  using other = new NetworkNamespace();
  netns.run("ip", "link", "set", "up1", "netns", other.name);
  other.run("ip", "link", "set", "up1", "up");
  other.run("ip", "address", "add", "2001:db8::1/64", "dev", "up1", "nodad");
  netns.run("ip", "address", "add", "2001:db8::1/64", "dev", "up0");
  await until("duplicate", () => netns.run("ip", "address", "show", "dev", "up0").includes("dadfailed"));
  expect(nodeAddresses(connection)).toEqual(["203.0.113.255", "203.0.113.9"]);
});

test("routes that come and go without an address are told", async () => {
  using netns = new NetworkNamespace();
  addSubnets(netns);
  using socket = withNetns(netns.path, () => NetlinkSocket.open());
  const connection = new NetlinkConnection(socket);
  await settled(connection);
  const stop = new AbortController();
  const watch = watchNodeAddresses(connection, {
    signal: stop.signal,
    interval: 1,
    open: (groups) => withNetns(netns.path, () => NetlinkSocket.open(groups)),
  });
  const next = async () => (await watch.next()).value;
  expect(await next()).toEqual(subnets);
  netns.run("ip", "route", "add", "local", "198.51.100.1", "dev", "lo");
  expect(await next()).toEqual(["198.51.100.1", ...subnets]);
  netns.run("ip", "route", "del", "local", "198.51.100.1", "dev", "lo");
  expect(await next()).toEqual(subnets);
  netns.run("sysctl", "-qw", "net.ipv6.conf.up0.forwarding=0");
  expect(await next()).toEqual(["2001:db8::1", "203.0.113.255", "203.0.113.9"]);
  // IPv6 addresses go with the device, the IPv4 one stays; its broadcast route is flushed untold.
  netns.run("ip", "link", "set", "up0", "down");
  expect(await next()).toEqual(["203.0.113.9"]);
  netns.run("ip", "link", "set", "up0", "up");
  expect(await next()).toEqual(["203.0.113.255", "203.0.113.9"]);
  stop.abort();
});

test("changes are told until the signal comes", async () => {
  using netns = new NetworkNamespace();
  using socket = withNetns(netns.path, () => NetlinkSocket.open());
  const stop = new AbortController();
  const watch = watchNodeAddresses(new NetlinkConnection(socket), {
    signal: stop.signal,
    interval: 1,
    open: (groups) => withNetns(netns.path, () => NetlinkSocket.open(groups)),
  });
  expect((await watch.next()).value).toEqual([]);
  addDevices(netns);
  const seen = await watch.next();
  // The address commands may be seen one by one or together.
  let last = seen.value;
  while (last && last.length < 2) last = (await watch.next()).value;
  expect(last).toEqual(["192.0.2.7", "2001:db8::7"]);
  stop.abort();
  expect(await watch.next()).toEqual({ done: true, value: undefined });
});
