import { beforeEach, describe, expect, test } from "vitest";

import { hostInterfaceName } from "#agent/api/host-interface.ts";
import { needs } from "#test/support/requirement.ts";

import { TestContainer, TestNode } from "./node.ts";

beforeEach(needs("root", "namespaces"));

describe("ADD", () => {
  test("cni-24 creates the interface in the container, with its final name, addresses and routes", async () => {
    await using node = await TestNode.start();
    using container = new TestContainer();
    const { exitCode, json, stderr } = await node.plugin(container.env("ADD"));
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const hostInterface = hostInterfaceName(container.id, "eth0");
    const sandbox = container.netns.path;
    expect(json).toEqual({
      cniVersion: "1.1.0",
      interfaces: [
        { name: hostInterface, mac: "02:00:0a:00:00:01", mtu: 1450 },
        { name: "eth0", mac: "02:00:0a:00:01:01", mtu: 1450, sandbox },
      ],
      ips: [
        { address: "10.88.0.2/32", gateway: "10.88.0.1", interface: 1 },
        { address: "fd88::2/128", gateway: "fd88::1", interface: 1 },
      ],
      routes: [
        { dst: "0.0.0.0/0", gw: "10.88.0.1" },
        { dst: "::/0", gw: "fd88::1" },
      ],
    });
    expect(container.links()).toEqual(["eth0"]);
    expect(node.links()).toEqual([hostInterface]);
    expect(container.netns.run("ip", "-brief", "address", "show", "eth0")).toMatch(/UP +10\.88\.0\.2\/32 fd88::2\/128/);
    expect(container.netns.run("ip", "route")).toMatch(/^default via 10\.88\.0\.1 dev eth0 .*\n10\.88\.0\.1 dev eth0/);
    expect(container.netns.run("ip", "-6", "route")).toContain("default via fd88::1 dev eth0");
    expect(container.netns.run("ip", "neigh")).toContain("10.88.0.1 dev eth0 lladdr 02:00:0a:00:00:01 PERMANENT");
  });

  test("leaves the other family alone where the agent gives one only", async () => {
    await using node = await TestNode.start();
    node.agent.families = { ipv4: true, ipv6: false };
    using container = new TestContainer();
    const { json } = await node.plugin(container.env("ADD"));
    expect(json?.ips).toEqual([{ address: "10.88.0.2/32", gateway: "10.88.0.1", interface: 1 }]);
    expect(container.netns.run("ip", "-6", "address", "show", "eth0")).toBe("");
  });

  test("an IPv6-only container in a namespace where IPv6 was off gets its address", async () => {
    await using node = await TestNode.start();
    node.agent.families = { ipv4: false, ipv6: true };
    using container = new TestContainer();
    container.netns.run("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
    const { json } = await node.plugin(container.env("ADD"));
    expect(json?.ips).toEqual([{ address: "fd88::2/128", gateway: "fd88::1", interface: 1 }]);
    expect(container.netns.run("ip", "-6", "address", "show", "eth0")).toContain("fd88::2/128");
  });

  test("a second interface of a container comes behind the first in its routes", async () => {
    await using node = await TestNode.start();
    using container = new TestContainer();
    expect(await node.plugin(container.env("ADD"))).toMatchObject({ exitCode: 0 });
    const second = await node.plugin(container.env("ADD", { CNI_IFNAME: "net1" }));
    expect(second.exitCode).toBe(0);
    expect(container.netns.run("ip", "route", "get", "192.0.2.1")).toContain("dev eth0");
    expect(container.netns.run("ip", "-6", "route", "get", "2001:db8::1")).toContain("dev eth0");
    expect(container.netns.run("ip", "route")).toMatch(/default via 10\.88\.0\.1 dev net1 .*metric/);
  });

  test("hands labels, service account, arguments, MTU and runtimeConfig to the agent", async () => {
    await using node = await TestNode.start();
    using container = new TestContainer();
    const args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1;Other=x";
    const labels = [
      { key: "app", value: "web" },
      { key: "io.kubernetes.serviceaccount.name", value: "seller" },
    ];
    const runtimeConfig = { ips: ["10.88.0.9"] };
    const { exitCode, json } = await node.plugin(container.env("ADD", { CNI_ARGS: args }), {
      mtu: 1400,
      args: { cni: { labels } },
      runtimeConfig,
      dns: { nameservers: ["10.96.0.10"] },
    });
    expect(exitCode).toBe(0);
    expect(json?.dns).toEqual({ nameservers: ["10.96.0.10"] });
    expect(node.agent.requests).toEqual([
      {
        containerId: container.id,
        ifName: "eth0",
        netns: container.netns.path,
        args: { K8S_POD_NAMESPACE: "shop", K8S_POD_NAME: "web-1", Other: "x" },
        labels: { app: "web" },
        serviceAccount: "seller",
        mtu: 1400,
        runtimeConfig,
      },
    ]);
    expect(container.netns.run("ip", "link", "show", "eth0")).toContain("mtu 1400");
  });
});
