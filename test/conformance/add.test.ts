import { expect, test } from "vitest";
import { mustRun } from "#agent/local/command.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";
import { addressOf, makeContainer, runtimeOf, weirPlugin } from "./containers.ts";
import { expectFailure } from "./expect-error.ts";
import { expectState, nodeState } from "./node-state.ts";

const node = useNode();
const pods = usePods(node, ["client"]);

test("cni-22, cni-23, cni-24, cni-25: ADD makes the interface, says so on stdout only, and packets pass", async () => {
  const runtime = runtimeOf(node());
  using container = makeContainer(node(), "pod", { ifName: "net-of-the-pod" });
  const result = await runtime.add(container);
  const links = await mustRun(container.namespace.enter(["ip", "-o", "addr", "show", "dev", "net-of-the-pod", "up"]));
  expect(links).toContain(`inet ${addressOf(result, 4)}/32`);
  expect(links).toContain(`inet6 ${addressOf(result, 6)}/128`);
  // Nobody serves the port: the refusal came all the way.
  await expectTraffic(pods.client, addressOf(result, 4), 80, "refused");
  await expectTraffic(pods.client, addressOf(result, 6), 80, "refused");
  await runtime.delete(container);
});

test("cni-88: the result names both ends of the veth, addresses, gateways and routes as the kernel has them", async () => {
  const runtime = runtimeOf(node(), { plugins: [weirPlugin(node(), { mtu: 1400 })] });
  using container = makeContainer(node(), "pod");
  const result = await runtime.add(container);
  const [host, pod] = result.interfaces ?? [];
  const link = async (enter: (command: string[]) => string[], name = "") =>
    (JSON.parse(await mustRun(enter(["ip", "-j", "link", "show", "dev", name]))) as object[])[0];
  expect(await link((command) => node().namespace.enter(command), host?.name)).toMatchObject({
    address: host?.mac,
    mtu: 1400,
  });
  expect(await link((command) => container.namespace.enter(command), pod?.name)).toMatchObject({
    address: pod?.mac,
    mtu: 1400,
  });
  expect([host?.sandbox ?? "", pod]).toMatchObject(["", { name: "eth0", mtu: 1400, sandbox: container.netns }]);
  expect(result.ips?.map((ip) => ip.interface)).toEqual([1, 1]);
  for (const [family, destination] of [
    ["-4", "0.0.0.0/0"],
    ["-6", "::/0"],
  ] as const) {
    const [route] = JSON.parse(
      await mustRun(container.namespace.enter(["ip", family, "-j", "route", "show", "default"])),
    ) as [{ gateway: string }];
    expect(result.routes).toContainEqual({ dst: destination, gw: route.gateway });
    expect(result.ips?.map(({ gateway }) => gateway)).toContain(route.gateway);
  }
  await runtime.delete(container);
});

test("cni-13: the resolver of the configuration goes on to the runtime", async () => {
  const dns = {
    nameservers: ["10.0.0.53", "fd00::53"],
    domain: "example.com",
    search: ["a.example.com"],
    options: ["ndots:2"],
  };
  const runtime = runtimeOf(node(), { plugins: [weirPlugin(node(), { dns })] });
  using container = makeContainer(node(), "pod");
  expect((await runtime.add(container)).dns).toEqual(dns);
  await runtime.delete(container);
});

test("cni-27, cni-92, code-100: an interface that exists is an error of our own number, and stays as it is", async () => {
  const runtime = runtimeOf(node());
  using container = makeContainer(node(), "pod");
  const inside = (...command: string[]) => mustRun(container.namespace.enter(command));
  await inside("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other");
  await inside("ip", "address", "add", "192.0.2.1/24", "dev", "eth0");
  const before = [await inside("ip", "addr"), await nodeState(node())] as const;
  const error = await expectFailure(runtime.add(container), 101);
  expect(error.msg).toContain("eth0");
  // The runtime is told: it is no fault of the agent.
  expect(node().agent.logTail()).not.toContain('"level":"error"');
  await runtime.delete(container);
  expect(await inside("ip", "addr")).toBe(before[0]);
  await expectState(node(), before[1], "an ADD in vain");
});

test("cni-27: a second ADD of the same attachment is an error, and the first stays whole", async () => {
  const runtime = runtimeOf(node());
  using container = makeContainer(node(), "pod");
  const result = await runtime.add(container);
  const second = await runtime.call("ADD", "weir-cni", runtime.variables(container), runtime.config(container));
  expect(second.error?.code).toBeGreaterThanOrEqual(100);
  await runtime.check(container);
  await expectTraffic(pods.client, addressOf(result), 80, "refused");
  await runtime.delete(container);
});

test("cni-79: what a capability brings is done: here a limit of the bandwidth", async () => {
  const plugins = [weirPlugin(node(), { capabilities: { bandwidth: true, unasked: true } })];
  const runtime = runtimeOf(node(), { plugins });
  using container = makeContainer(node(), "pod", {
    capabilityArgs: { bandwidth: { ingressRate: 8_000_000, egressRate: 16_000_000 }, undeclared: 1 },
  });
  await runtime.add(container);
  expect((await node().client.bpf("bandwidth")).length).toBeGreaterThan(0);
  await runtime.delete(container);
  expect(await node().client.bpf("bandwidth")).toEqual([]);
});

test("cni-64: two interfaces of one container have addresses of their own, and go one by one", async () => {
  const runtime = runtimeOf(node());
  using first = makeContainer(node(), "pod");
  const second = { ...first, ifName: "net1" };
  const one = await runtime.add(first);
  const two = await runtime.add(second);
  expect(addressOf(one)).not.toBe(addressOf(two));
  await runtime.check(first);
  await runtime.check(second);
  await runtime.delete(first);
  await runtime.check(second);
  await expectTraffic(pods.client, addressOf(two), 80, "refused");
  await runtime.delete(second);
});
