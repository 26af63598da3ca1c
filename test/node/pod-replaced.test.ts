import { expect, test } from "vitest";
import { expectTraffic, targetOf } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { pinnedLinks } from "#test/support/pins.ts";
import { goesOn } from "#test/support/stream.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const sourcePort = 5555;
const node = useNode({
  objects: {
    // It may not begin a connection: what it sends to others is replies.
    "server.yaml": networkPolicy({
      name: "server",
      selects: { app: "server" },
      ingress: [{ from: [app("client")] }],
      egress: [],
    }),
  },
});
const pods = usePods(node, ["server"]);

prepare(async () => {
  await pods.server.traffic.serve("TCP", 80);
  await pods.server.traffic.serve("UDP", 90, "source");
});

/** The connections that the kernel keeps from the port that all clients use. */
const connections = async () =>
  (await node().client.bpf("conntrack")).filter((entry) => entry.sourcePort === sourcePort);

test("the next pod on an address inherits no connection of the one before", async () => {
  const first = await node().addPod({ name: "client", labels: { app: "client" } });
  const { ipv4 } = first;
  const stream = await first.traffic.stream(targetOf(pods.server, 90, "UDP"), { interval: null, sourcePort });
  await goesOn(stream);
  expect(await connections()).toHaveLength(1);
  await first[Symbol.asyncDispose]();
  expect(await connections()).toEqual([]);
  // Who asks for the address again under the same name need not wait until it has rested.
  const runtimeConfig = { ips: [ipv4] };
  const second = await node().addPod({ name: "client", labels: { app: "stranger" }, config: { runtimeConfig } });
  expect(second.ipv4).toBe(ipv4);
  const target = targetOf(pods.server, 90, "UDP");
  const inherited = await second.traffic.stream(target, { interval: null, sourcePort });
  await expectTraffic(second, pods.server, 80, "silent", { sourcePort });
  await expectTraffic(second, pods.server, 80, "silent");
  expect((await inherited.stop()).received).toBe(0);
  await second[Symbol.asyncDispose]();
});

test("DEL gives everything back and may be repeated", async () => {
  const before = [pinnedLinks(node()), (await node().client.bpf("endpoints")).length];
  const pod = await node().addPod({ name: "client", labels: { app: "client" } });
  await expectTraffic(pod, pods.server, 80, "answered");
  await pod.delete();
  await pod.delete();
  expect([pinnedLinks(node()), (await node().client.bpf("endpoints")).length]).toEqual(before);
  expect(await node().client.endpoints()).toHaveLength(1);
});

test("ADD after DEL in the same container works", async () => {
  const pod = await node().addPod({ name: "again", labels: { app: "client" } });
  await pod.delete();
  await pod.add();
  expect(await pod.check()).toBeNull();
});

test("a second ADD without DEL is refused, and harms nothing", async () => {
  const pod = await node().addPod({ name: "twice", labels: { app: "client" } });
  const second = await pod.cni("ADD");
  expect(second.code).not.toBe(0);
  expect(await pod.check()).toBeNull();
  await expectTraffic(pod, pods.server, 80, "answered");
});
