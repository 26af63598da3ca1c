import { beforeEach, expect, test } from "vitest";

import { needs } from "#test/support/requirement.ts";

import { TestContainer, TestNode } from "./node.ts";

beforeEach(needs("root", "namespaces"));

test("cni-41 finds nothing right after ADD, and prints nothing", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  const { json: prevResult } = await node.plugin(container.env("ADD"));
  const { exitCode, stdout, stderr } = await node.plugin(container.env("CHECK"), { prevResult });
  expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: "", stderr: "" });
});

/** What somebody does to a container or node, and what CHECK says then. */
const damages: readonly { name: string; where: "pod" | "node"; command: (host: string) => string; says: RegExp }[] = [
  {
    name: "the address is gone",
    where: "pod",
    command: () => "ip address del 10.88.0.2/32 dev eth0",
    says: /address 10\.88\.0\.2\/32 is missing on eth0/,
  },
  {
    name: "the IPv6 address is gone",
    where: "pod",
    command: () => "ip address del fd88::2/128 dev eth0",
    says: /address fd88::2\/128 is missing on eth0/,
  },
  {
    name: "the default route is gone",
    where: "pod",
    command: () => "ip route del default",
    says: /default route 0\.0\.0\.0\/0 through 10\.88\.0\.1 is missing/,
  },
  {
    name: "the interface is down",
    where: "pod",
    command: () => "ip link set eth0 down",
    says: /interface eth0 in the container is down/,
  },
  {
    name: "the interface has another MAC address",
    where: "pod",
    command: () => "ip link set eth0 address 02:00:00:00:00:99",
    says: /has MAC address 02:00:00:00:00:99, not 02:00:0a:00:01:01/,
  },
  {
    name: "the interface was exchanged for another",
    where: "pod",
    command: () => "ip link set eth0 name old && ip link add eth0 type veth peer name x",
    says: /host interface weir[0-9a-f]+ is not the other side of eth0/,
  },
  {
    name: "the interface is gone",
    where: "pod",
    command: () => "ip link del eth0",
    says: /interface eth0 is missing in the container.*host interface weir[0-9a-f]+ is missing/,
  },
  {
    name: "the host side is down",
    where: "node",
    command: (host) => `ip link set ${host} down`,
    says: /host interface weir[0-9a-f]+ is down/,
  },
];

test.for(damages)("cni-38 names what is wrong when $name", async ({ where, command, says }) => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  const { json: prevResult } = await node.plugin(container.env("ADD"));
  const [hostInterface = ""] = node.links();
  (where === "pod" ? container.netns : node.netns).run("sh", "-c", command(hostInterface));
  const { exitCode, json } = await node.plugin(container.env("CHECK"), { prevResult });
  expect(exitCode).toBe(1);
  expect(json?.code).toBe(103);
  expect(json?.msg).toMatch(says);
});

test("cni-39 tells what the agent finds missing", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  const { json: prevResult } = await node.plugin(container.env("ADD"));
  node.agent.problems = ["program pod_egress is not attached to weir01"];
  const { json } = await node.plugin(container.env("CHECK"), { prevResult });
  expect(json).toMatchObject({ code: 103, msg: "check of eth0: program pod_egress is not attached to weir01" });
});

test("cni-37 lets a later plugin change routes, as long as the result says so", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  const { json: prevResult } = await node.plugin(container.env("ADD"));
  container.netns.run("ip", "route", "del", "default");
  container.netns.run("ip", "-6", "route", "del", "default");
  const changed = { ...prevResult, routes: [] };
  expect((await node.plugin(container.env("CHECK"), { prevResult: changed })).exitCode).toBe(0);
});

test("cni-36 needs the result of ADD", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  await node.plugin(container.env("ADD"));
  const without = await node.plugin(container.env("CHECK"));
  expect(without.json).toMatchObject({ code: 7, msg: expect.stringContaining("prevResult is missing") });
  const prevResult = { interfaces: [{ name: "net7", sandbox: container.netns.path }] };
  const foreign = await node.plugin(container.env("CHECK"), { prevResult });
  expect(foreign.json).toMatchObject({ code: 7, msg: expect.stringContaining("prevResult has no interface eth0") });
});
