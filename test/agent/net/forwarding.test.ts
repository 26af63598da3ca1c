import { beforeEach, expect, test } from "vitest";

import { ensureForwarding } from "#agent/net/forwarding.ts";
import { withNetns } from "#agent/net/netns.ts";
import { needs } from "#test/support/requirement.ts";
import { NetworkNamespace } from "#test/support/network-namespace.ts";

beforeEach(needs("root", "namespaces"));

test("a node becomes a router once, and keeps listening to router advertisements", () => {
  using netns = new NetworkNamespace();
  netns.run("sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward");
  netns.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1");
  const both = { ipv4: true, ipv6: true };
  expect(withNetns(netns.path, () => ensureForwarding(both))).toEqual([
    "net/ipv4/ip_forward = 1",
    "net/ipv6/conf/up0/accept_ra = 2",
    "net/ipv6/conf/up1/accept_ra = 2",
    "net/ipv6/conf/all/forwarding = 1",
  ]);
  expect(withNetns(netns.path, () => ensureForwarding(both))).toEqual([]);
});

test("a family that no pod has is left alone", () => {
  using netns = new NetworkNamespace();
  withNetns(netns.path, () => ensureForwarding({ ipv4: true, ipv6: false }));
  expect(netns.run("cat", "/proc/sys/net/ipv6/conf/all/forwarding").trim()).toBe("0");
});
