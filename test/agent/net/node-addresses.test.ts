import { beforeEach, expect, test } from "vitest";

import { NetlinkSocket } from "#agent/net/netlink-socket.ts";
import { withNetns } from "#agent/net/netns.ts";
import { nodeAddresses, watchNodeAddresses } from "#agent/net/node-addresses.ts";
import { NetlinkConnection } from "#agent/netlink/connection.ts";
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
