import { expect, test } from "vitest";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { ping } from "#test/support/ping.ts";
import { prepare, useNode } from "#test/support/use-node.ts";

const node = useNode();
let a: LabPod;
let b: LabPod;

prepare(async () => {
  [a, b] = [await node().addPod({ name: "a" }), await node().addPod({ name: "b" })];
  for (const protocol of ["TCP", "UDP"] as const) await b.traffic.serve(protocol, 80);
});

test("a pod pings its gateway", async () => {
  await ping(a, a.gateway4);
  await ping(a, a.gateway6);
});

test("a pod pings another", async () => {
  await ping(a, b.ipv4);
  await ping(b, a.ipv6);
});

test.for(["TCP", "UDP"] as const)("%s reaches another pod by IPv4 and IPv6", async (protocol) => {
  for (const address of [b.ipv4, b.ipv6]) {
    expect(await a.traffic.attempt({ protocol, address, port: 80 }, { timeout: 5000 })).toBe("answered");
  }
});

test("a port without a server refuses", async () => {
  expect(await a.traffic.attempt({ protocol: "TCP", address: b.ipv4, port: 81 }, { timeout: 5000 })).toBe("refused");
});

test("the node reaches its pods, and they the node", async () => {
  const { Traffic } = await import("#agent/local/traffic.ts");
  await using host = new Traffic(node().namespace, (pid) => node().lab.track(pid));
  await host.serve("TCP", 8000);
  expect(await host.attempt({ protocol: "TCP", address: b.ipv4, port: 80 }, { timeout: 5000 })).toBe("answered");
  expect(await a.traffic.attempt({ protocol: "TCP", address: a.gateway4, port: 8000 }, { timeout: 5000 })).toBe(
    "answered",
  );
});

test("the endpoints are listed with their addresses", async () => {
  const list = await node().read<{ pod: string; state: string; ipv4: string; ipv6: string }[]>("endpoint", "list");
  const views = list.map(({ pod, state, ipv4, ipv6 }) => ({ pod, state, ipv4, ipv6 }));
  expect(views).toEqual(
    expect.arrayContaining([a, b].map(({ name, ipv4, ipv6 }) => ({ pod: name, state: "ready", ipv4, ipv6 }))),
  );
});
