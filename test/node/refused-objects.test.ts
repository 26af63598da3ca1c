import { expect, test } from "vitest";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { until } from "#agent/local/until.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { prepare, useNode } from "#test/support/use-node.ts";

const policy = networkPolicy({ name: "closed", selects: { app: "server" }, ingress: [] });
const node = useNode({ objects: { "closed.yaml": policy } });
let server: LabPod;
let client: LabPod;

const attempt = () => client.traffic.attempt({ protocol: "TCP", address: server.ipv4, port: 80 }, { timeout: 400 });

/** Waits until the status names the file. */
const problemWith = (file: string) =>
  until(`a problem with ${file}`, async () =>
    (await node().client.status()).problems.find((text) => text.includes(file)),
  );

prepare(async () => {
  server = await node().addPod({ name: "server", labels: { app: "server" } });
  client = await node().addPod({ name: "client" });
  await server.traffic.serve("TCP", 80);
});

test.for([
  ["malformed", "spec: [", /closed\.yaml:\d+:\d+: /],
  ["with an unknown field", policy.replace("podSelector", "podSelectr"), /closed\.yaml:\d+:\d+: .*podSelectr/],
  ["of an unknown kind", policy.replace("kind: NetworkPolicy", "kind: Firewall"), /closed\.yaml:\d+:\d+: .*Firewall/],
] as const)("a file %s is refused by line and field, and its old content stays in force", async ([, text, message]) => {
  node().writeObjects("closed.yaml", text);
  expect(await problemWith("closed.yaml")).toMatch(message);
  expect((await node().weir("status")).code).toBe(5);
  expect(await attempt()).toBe("silent");

  node().writeObjects("closed.yaml", policy);
  await until("no problem", async () => (await node().client.status()).problems.length === 0);
  expect((await node().weir("status")).code).toBe(0);
});

test("one bad file does not keep another one out", async () => {
  node().writeObjects("bad.yaml", "kind: Nothing");
  await problemWith("bad.yaml");
  await node().changeObjects(
    "closed.yaml",
    networkPolicy({ name: "closed", selects: { app: "server" }, ingress: [{}] }),
  );
  expect(await client.traffic.attempt({ protocol: "TCP", address: server.ipv4, port: 80 }, { timeout: 5000 })).toBe(
    "answered",
  );
});
