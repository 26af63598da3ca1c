import { expect, test } from "vitest";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { pinnedLinks } from "#test/support/pinned-links.ts";
import { useNode } from "#test/support/use-node.ts";

const node = useNode({
  // Two pod addresses in all: whoever comes next gets what the last one had.
  podCidr: "10.79.0.0/29",
  objects: {
    "server.yaml": networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ from: [app("client")] }] }),
  },
});

test("DEL gives everything back, may be repeated, and the next pod starts afresh", async () => {
  const server = await node().addPod({ name: "server", labels: { app: "server" } });
  await server.traffic.serve("TCP", 80);
  const target = { protocol: "TCP", address: server.ipv4, port: 80 } as const;
  const before = pinnedLinks(node());

  for (let round = 0; round < 8; round += 1) {
    // Every second one has the labels that the policy asks for, on whatever address it gets.
    const name = round % 2 === 0 ? "client" : "stranger";
    const pod = await node().addPod({ name, labels: { app: name } });
    const outcome = await pod.traffic.attempt(target, { timeout: name === "client" ? 5000 : 400, sourcePort: 5555 });
    expect([name, outcome]).toEqual([name, name === "client" ? "answered" : "silent"]);
    await pod.delete();
    await pod.delete();
    await pod[Symbol.asyncDispose]();
  }
  expect(pinnedLinks(node())).toEqual(before);
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
});
