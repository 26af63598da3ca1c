import { beforeEach, expect, test } from "vitest";

import { planForwarding } from "#agent/net/forwarding.ts";
import { withNetns } from "#agent/net/netns.ts";
import { needs } from "#test/support/requirement.ts";
import { NetworkNamespace } from "#test/support/network-namespace.ts";

beforeEach(needs("root", "namespaces"));

test("a node becomes a router once, and keeps listening to router advertisements", () => {
  using netns = new NetworkNamespace();
  netns.run("sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward");
  netns.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1");
  const changes = withNetns(netns.path, () => planForwarding({ ipv4: true, ipv6: true }));
  expect(changes).toEqual([
    { path: "net/ipv4/ip_forward", before: "0", value: "1" },
    { path: "net/ipv6/conf/up0/accept_ra", before: "1", value: "2" },
    { path: "net/ipv6/conf/up1/accept_ra", before: "1", value: "2" },
    { path: "net/ipv6/conf/all/forwarding", before: "0", value: "1" },
  ]);
  for (const { path, value } of changes) netns.run("sh", "-c", `echo ${value} > /proc/sys/${path}`);
  expect(withNetns(netns.path, () => planForwarding({ ipv4: true, ipv6: true }))).toEqual([]);
});

test("a family that no pod has is left alone", () => {
  using netns = new NetworkNamespace();
  netns.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward");
  expect(withNetns(netns.path, () => planForwarding({ ipv4: true, ipv6: false }))).toEqual([]);
});
