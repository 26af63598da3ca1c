import { describe, expect, test } from "vitest";
import { hostInterfaceName } from "#agent/api/host-interface.ts";
import type { LabNode } from "#agent/local/lab-node.ts";
import { Traffic } from "#agent/local/traffic.ts";
import { type PluginOutput, runIn, runPlugin } from "#test/support/plugin-run.ts";
import { useNode } from "#test/support/use-node.ts";

const node = useNode();

const configOf = ({ runDir }: LabNode): { type: string; runDir: string } => ({ type: "weir-cni", runDir });

/** What ADD and DEL could leave: devices and endpoints of the node. */
function stateOf({ namespace }: LabNode): string {
  return runIn(namespace, "ip", "-brief", "link");
}

test("cni-24 creates the interface in the container, with its final name, addresses and routes", async () => {
  using namespace = node().lab.namespace("plain");
  const before = stateOf(node());
  const added = await runPlugin(node(), "ADD", { ...configOf(node()), cniVersion: "1.1.0" }, { namespace });
  const hostInterface = hostInterfaceName(namespace.name, "eth0");
  const mac = expect.stringMatching(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/);
  const [ip4 = "", ip6 = ""] = (added.ips ?? []).map(({ address }) => address);
  expect(added).toEqual({
    exitCode: 0,
    cniVersion: "1.1.0",
    interfaces: [
      { name: hostInterface, mac, mtu: 1500 },
      { name: "eth0", mac, mtu: 1500, sandbox: namespace.path },
    ],
    ips: [
      { address: expect.stringMatching(/^10\.77\.0\.\d+\/32$/), gateway: "10.77.0.1", interface: 1 },
      { address: expect.stringMatching(/^fd00:77::[0-9a-f]+\/128$/), gateway: "fd00:77::1", interface: 1 },
    ],
    routes: [
      { dst: "0.0.0.0/0", gw: "10.77.0.1" },
      { dst: "::/0", gw: "fd00:77::1" },
    ],
  });
  expect(runIn(namespace, "ip", "-brief", "address", "show", "eth0")).toMatch(new RegExp(`UP +${ip4} ${ip6}`));
  expect(runIn(namespace, "ip", "route")).toMatch(/^default via 10\.77\.0\.1 dev eth0 .*\n10\.77\.0\.1 dev eth0/);
  expect(runIn(namespace, "ip", "-6", "route")).toContain("default via fd00:77::1 dev eth0");
  expect(runIn(namespace, "ip", "neigh")).toMatch(/10\.77\.0\.1 dev eth0 lladdr \S+ PERMANENT/);
  const deleted = await runPlugin(node(), "DEL", configOf(node()), { namespace });
  expect(deleted).toEqual({ exitCode: 0 });
  expect([runIn(namespace, "ip", "-brief", "link", "show", "type", "veth"), stateOf(node())]).toEqual(["", before]);
});

describe("several interfaces of one container", () => {
  test("are endpoints of their own; the later ones come behind the first in routes, and have their network as a label", async () => {
    using namespace = node().lab.namespace("multi");
    const args = "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=multi";
    const added: PluginOutput[] = [];
    for (const [ifName, name] of [
      ["eth0", "main"],
      ["net1", "blue"],
    ] as const) {
      added.push(await runPlugin(node(), "ADD", { ...configOf(node()), name }, { namespace, ifName, args }));
    }
    expect(added.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expect(runIn(namespace, "ip", "route", "get", "192.0.2.1")).toContain("dev eth0");
    expect(runIn(namespace, "ip", "-6", "route", "get", "2001:db8::1")).toContain("dev eth0");
    expect(runIn(namespace, "ip", "route")).toMatch(/default via 10\.77\.0\.1 dev net1 .*metric/);
    const endpoints = (await node().client.endpoints()).filter(({ pod }) => pod === "multi");
    expect(endpoints.map(({ labels }) => labels)).toEqual([{}, { "weir.io/net": "blue" }]);
    expect(new Set(endpoints.map(({ identity }) => identity)).size).toBe(2);
    await using server = new Traffic(namespace, (pid) => node().lab.track(pid));
    await server.serve("TCP", 8080);
    const client = await node().addPod({ name: "client" });
    for (const ip of added.flatMap(({ ips = [] }) => ips)) {
      const address = ip.address.split("/")[0] ?? "";
      expect([address, await client.traffic.attempt({ protocol: "TCP", address, port: 8080 })]).toEqual([
        address,
        "answered",
      ]);
    }
    await client.delete();
    for (const ifName of ["net1", "eth0"]) await runPlugin(node(), "DEL", configOf(node()), { namespace, ifName });
    expect((await node().client.endpoints()).filter(({ pod }) => pod === "multi")).toEqual([]);
  });
});

test("cni-27 an interface of that name in the container is an error, and stays", async () => {
  using namespace = node().lab.namespace("taken");
  const before = stateOf(node());
  runIn(namespace, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1");
  const added = await runPlugin(node(), "ADD", configOf(node()), { namespace });
  expect(added).toMatchObject({ exitCode: 1, code: 101, msg: `interface eth0 exists already in ${namespace.path}` });
  expect(runIn(namespace, "ip", "-brief", "link", "show", "type", "veth")).toMatch(/eth1@eth0.*\n.*eth0@eth1/);
  expect(stateOf(node())).toBe(before);
});

test("an ADD that cannot be carried through leaves nothing, and says why", async () => {
  using namespace = node().lab.namespace("blocked");
  const hostInterface = hostInterfaceName(namespace.name, "eth0");
  runIn(node().namespace, "ip", "link", "add", hostInterface, "type", "veth", "peer", "name", "peer");
  const added = await runPlugin(node(), "ADD", configOf(node()), { namespace });
  expect(added).toMatchObject({ exitCode: 1, code: 102, msg: expect.stringMatching(/create veth weir.*EEXIST/) });
  expect(runIn(namespace, "ip", "-brief", "link", "show", "type", "veth")).toBe("");
  expect((await node().client.endpoints()).filter(({ containerId }) => containerId === namespace.name)).toEqual([]);
});

test("cni-34 a veth that no record speaks of goes with DEL", async () => {
  using namespace = node().lab.namespace("lost");
  const hostInterface = hostInterfaceName(namespace.name, "eth0");
  runIn(node().namespace, "ip", "link", "add", hostInterface, "type", "veth", "peer", "name", "peer");
  expect((await runPlugin(node(), "DEL", configOf(node()), { namespace })).exitCode).toBe(0);
  expect(stateOf(node())).not.toContain(hostInterface);
});

describe("capabilities", () => {
  test("the MAC address, MTU and name servers that are asked for", async () => {
    using namespace = node().lab.namespace("capable");
    const runtimeConfig = { mac: "02:AA:00:00:00:07", mtu: 1400, dns: { servers: ["10.96.0.10"] } };
    const added = await runPlugin(node(), "ADD", { ...configOf(node()), runtimeConfig }, { namespace });
    expect(added).toMatchObject({ exitCode: 0, dns: { nameservers: ["10.96.0.10"] } });
    expect(runIn(namespace, "ip", "link", "show", "eth0")).toMatch(/mtu 1400[^]*02:aa:00:00:00:07/);
    await runPlugin(node(), "DEL", configOf(node()), { namespace });
  });

  test("cni-93 code 2: one that is not known, with its value", async () => {
    using namespace = node().lab.namespace("incapable");
    const runtimeConfig = { aliases: ["db"] };
    const added = await runPlugin(node(), "ADD", { ...configOf(node()), runtimeConfig }, { namespace });
    const msg = expect.stringContaining('runtimeConfig.aliases: ["db"]');
    expect(added).toMatchObject({ exitCode: 1, code: 2, msg });
  });
});

describe("STATUS", () => {
  const status = () =>
    runPlugin(node(), "STATUS", { ...configOf(node()), cniVersion: "1.1.0" }, { namespace: node().namespace });

  test("cni-48 is fine while an ADD would be served", async () => {
    expect(await status()).toEqual({ exitCode: 0 });
  });

  test("cni-50 code 51: a route to a pod is missing", async () => {
    const pod = await node().addPod({ name: "unrouted" });
    runIn(node().namespace, "ip", "route", "delete", `${pod.ipv4}/32`, "dev", pod.hostInterface);
    const msg = `containers may be limited: route to ${pod.ipv4} of pod default/unrouted is missing`;
    expect(await status()).toMatchObject({ exitCode: 1, code: 51, msg });
    await pod.delete();
    expect(await status()).toEqual({ exitCode: 0 });
  });

  test("cni-48 a pod that takes its own interface away does not make the node unready; weir status tells of it", async () => {
    const pod = await node().addPod({ name: "suicidal" });
    runIn(pod.namespace, "ip", "link", "delete", "eth0");
    expect(await status()).toEqual({ exitCode: 0 });
    const { problems } = await node().client.status();
    expect(problems).toContainEqual(expect.stringContaining("of pod default/suicidal is gone"));
    await pod.delete();
  });
});

test("cni-26 code 7: chained behind what makes no veth", async () => {
  using namespace = node().lab.namespace("loopback");
  const interfaces = [{ name: "lo", sandbox: namespace.path }];
  const prevResult = { cniVersion: "1.0.0", interfaces, ips: [{ address: "127.0.0.1/8" }] };
  const added = await runPlugin(node(), "ADD", { ...configOf(node()), prevResult }, { namespace, ifName: "lo" });
  expect(added).toMatchObject({ exitCode: 1, code: 7, msg: expect.stringContaining("no veth") });
});
