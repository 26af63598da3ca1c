import { expect, test } from "vitest";
import { mustRun } from "#agent/local/command.ts";
import { useNode } from "#test/support/use-node.ts";
import { addressOf, type Container, makeContainer, runtimeOf } from "./containers.ts";
import { expectError, expectFailure, expectSilence } from "./expect-error.ts";
import type { AddResult } from "./result-schema.ts";

const node = useNode();

const inside = (container: Container, command: string) => mustRun(container.namespace.enter(["sh", "-c", command]));
const onNode = (command: string) => mustRun(node().namespace.enter(["sh", "-c", command]));

/** CHECK of an attachment whose result, as later plugins of a list left it, is another one. */
async function checkWith(container: Container, change: (result: AddResult) => AddResult) {
  const runtime = runtimeOf(node());
  const result = runtime.result(container);
  if (result === undefined) throw new Error("CHECK before ADD");
  return runtime.call("CHECK", "weir-cni", runtime.variables(container), runtime.config(container, change(result)));
}

/** A new attachment, something done to it, and what CHECK says then. */
async function complaintAfter(
  damage: (container: Container, host: string, result: AddResult) => Promise<unknown>,
): Promise<string> {
  const runtime = runtimeOf(node());
  using container = makeContainer(node(), "pod");
  const result = await runtime.add(container);
  await runtime.check(container);
  await damage(container, result.interfaces?.[0]?.name ?? "", result);
  const { msg } = await expectFailure(runtime.check(container), 103);
  await runtime.delete(container);
  return msg;
}

test("cni-41: CHECK right after ADD is fine", async () => {
  const runtime = runtimeOf(node());
  for (let round = 0; round < 10; round += 1) {
    using container = makeContainer(node(), "pod");
    await runtime.add(container);
    await runtime.check(container);
    await runtime.delete(container);
  }
});

test("cni-36: CHECK looks for what the result says, not for what it remembers", async () => {
  const runtime = runtimeOf(node());
  using container = makeContainer(node(), "pod");
  await runtime.add(container);
  const foreign = { address: "192.0.2.7/32", interface: 1 };
  const moreAddresses = await checkWith(container, (result) => ({ ...result, ips: [...(result.ips ?? []), foreign] }));
  expect(expectError(moreAddresses, 103).msg).toContain("192.0.2.7");
  const otherMac = await checkWith(container, (result) => ({
    ...result,
    interfaces: (result.interfaces ?? []).map((entry) => ({ ...entry, mac: "0a:00:00:00:00:01" })),
  }));
  expect(expectError(otherMac, 103).msg).toContain("0a:00:00:00:00:01");
  const nothing = await checkWith(container, (result) => ({ cniVersion: result.cniVersion }));
  expect(expectError(nothing, 7).msg).toContain("prevResult");
  const absent = await runtime.call("CHECK", "weir-cni", runtime.variables(container), runtime.config(container));
  expect(expectError(absent, 7).msg).toContain("prevResult");
  await runtime.delete(container);
});

test("cni-37: what a later plugin of the list changed, and the result says, is no complaint", async () => {
  const runtime = runtimeOf(node());
  using container = makeContainer(node(), "pod");
  const { ips: [ip] = [] } = await runtime.add(container);
  await inside(
    container,
    `ip route replace default via ${ip?.gateway} dev eth0 metric 7; ip route add 192.0.2.0/24 via ${ip?.gateway}`,
  );
  await inside(
    container,
    "ip -6 route delete default; ip link add later type veth peer name later2; ip link set eth0 mtu 1300",
  );
  const changed = await checkWith(container, (result) => ({
    ...result,
    interfaces: [
      ...(result.interfaces ?? []).map((entry) => ("mtu" in entry && entry.sandbox ? { ...entry, mtu: 1300 } : entry)),
      { name: "later", sandbox: container.netns },
    ],
    routes: [
      { dst: "0.0.0.0/0", gw: ip?.gateway },
      { dst: "192.0.2.0/24", gw: ip?.gateway },
    ],
  }));
  expectSilence(changed);
  await runtime.delete(container);
});

test("cni-38, code-100: CHECK complains of an interface, address or route of ADD that is missing", async () => {
  expect(await complaintAfter((container) => inside(container, "ip link delete eth0"))).toContain("eth0");
  expect(await complaintAfter((container) => inside(container, "ip link set eth0 name eth9"))).toContain("eth0");
  const address = (container: Container, _: string, result: AddResult) =>
    inside(container, `ip address delete ${addressOf(result)}/32 dev eth0`);
  expect(await complaintAfter(address)).toContain("10.77.");
  expect(await complaintAfter((container) => inside(container, "ip route delete default"))).toContain("0.0.0.0/0");
  expect(await complaintAfter((container) => inside(container, "ip -6 route delete default"))).toContain("::/0");
});

test("cni-39: CHECK complains of what no result tells: the node's route, neighbour, setting or end of the veth", async () => {
  expect(await complaintAfter((_, host) => onNode(`ip route flush dev ${host}`))).toMatch(/route/);
  expect(await complaintAfter((_, host) => onNode(`ip neigh flush nud permanent dev ${host}`))).toMatch(/neighbour/);
  const setting = (_: Container, host: string) => onNode(`echo 1 > /proc/sys/net/ipv4/conf/${host}/rp_filter`);
  expect(await complaintAfter(setting)).toMatch(/rp_filter/);
  expect(await complaintAfter((_, host) => onNode(`ip link delete ${host}`))).toMatch(/interface/);
});

test("cni-40: CHECK complains when nobody can reach the container", async () => {
  expect(await complaintAfter((_, host) => onNode(`ip link set ${host} down`))).toMatch(/down/);
  expect(await complaintAfter((container) => inside(container, "ip link set eth0 down"))).toMatch(/down/);
});

test("code-3: CHECK of a container that nobody added says that it is unknown", async () => {
  const runtime = runtimeOf(node());
  using container = makeContainer(node(), "pod");
  await inside(container, "ip link add eth0 type veth peer name other");
  const prevResult = {
    cniVersion: "1.1.0",
    interfaces: [{ name: "eth0", sandbox: container.netns }],
    ips: [{ address: "10.77.0.9/32", interface: 0 }],
  };
  const reply = await runtime.call(
    "CHECK",
    "weir-cni",
    runtime.variables(container),
    runtime.config(container, prevResult),
  );
  expectError(reply, 3);
});

test("cni-2, cni-44, cni-76: a network without CHECK is not checked", async () => {
  const runtime = runtimeOf(node(), { disableCheck: true });
  using container = makeContainer(node(), "pod");
  await runtime.add(container);
  await inside(container, "ip link delete eth0");
  await runtime.check(container);
  await runtime.delete(container);
});

test("code-11, cni-39: without the agent ADD and CHECK say that they are to be tried again, and ADD leaves nothing", async () => {
  const runtime = runtimeOf(node());
  using container = makeContainer(node(), "pod");
  using late = makeContainer(node(), "late");
  await runtime.add(container);
  await node().agent.stop();
  await Promise.all([expectFailure(runtime.check(container), 11), expectFailure(runtime.add(late), 11)]);
  expect(await inside(late, "ip -o link")).not.toContain("eth0");
  await node().startAgent();
  await runtime.check(container);
  await runtime.deleteAll();
});
