import { expect, test } from "vitest";
import type { LabPod } from "#agent/local/lab-pod.ts";
import type { Stream } from "#agent/local/traffic.ts";
import { until } from "#agent/local/until.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { prepare, useNode } from "#test/support/use-node.ts";

const allowed = (...names: string[]) =>
  networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ from: names.map(app) }] });

const node = useNode({ objects: { "server.yaml": allowed("a", "b") } });
const pods: Record<string, LabPod> = {};

prepare(async () => {
  for (const name of ["server", "a", "b"]) pods[name] = await node().addPod({ name, labels: { app: name } });
  await pods["server"]?.traffic.serve("TCP", 80);
});

async function received(stream: Stream): Promise<number> {
  return (await stream.report()).received;
}

/** Waits until so many more messages have come back. */
async function flows(stream: Stream, more = 20): Promise<void> {
  const before = await received(stream);
  await until("the stream to go on", async () => (await received(stream)) >= before + more);
}

test("a new deny cuts a running stream, and leaves the other one alone", async () => {
  const target = { protocol: "TCP", address: pods["server"]?.ipv4 ?? "", port: 80 } as const;
  await using first = await (pods["a"] as LabPod).traffic.stream(target);
  await using second = await (pods["b"] as LabPod).traffic.stream(target);
  await flows(first);
  await flows(second);

  await node().changeObjects("server.yaml", allowed("b"));
  // One echo may have been on its way back to its reader when the policy changed.
  const cut = await received(first);
  await flows(second, 100);
  expect(await received(first)).toBeLessThanOrEqual(cut + 1);
  expect((await second.report()).ended).toBeNull();

  await node().changeObjects("server.yaml", allowed("a", "b"));
  await flows(first);
});

test("replies of an allowed connection need no rule of their own", async () => {
  const target = { protocol: "TCP", address: pods["server"]?.ipv4 ?? "", port: 80 } as const;
  await using stream = await (pods["b"] as LabPod).traffic.stream(target);
  await flows(stream);
  await node().changeObjects("silent.yaml", networkPolicy({ name: "silent", selects: { app: "server" }, egress: [] }));
  await flows(stream, 100);
  expect((await stream.report()).ended).toBeNull();
  await node().changeObjects("silent.yaml", null);
});
