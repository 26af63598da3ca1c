import { expect, test } from "vitest";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { prepare, useNode } from "#test/support/use-node.ts";

const ports = { tcp: { protocol: "TCP", port: 80 }, udp: { protocol: "UDP", port: 53 } } as const;

const node = useNode({
  objects: {
    "server.yaml": networkPolicy({
      name: "server",
      selects: { app: "server" },
      ingress: [{ from: [app("client"), app("restricted")], ports: [ports.tcp, ports.udp] }],
    }),
    "restricted.yaml": networkPolicy({
      name: "restricted",
      selects: { app: "restricted" },
      egress: [{ to: [app("server")], ports: [ports.udp] }],
    }),
  },
});
const pods: Record<string, LabPod> = {};

prepare(async () => {
  for (const name of ["server", "client", "stranger", "restricted"]) {
    pods[name] = await node().addPod({ name, labels: { app: name } });
  }
  for (const [protocol, port] of [
    ["TCP", 80],
    ["TCP", 81],
    ["UDP", 53],
    ["UDP", 54],
  ] as const) {
    await pods["server"]?.traffic.serve(protocol, port);
  }
});

test.for([
  // Ingress of the server.
  ["client", "TCP", 80, "answered"],
  ["client", "UDP", 53, "answered"],
  ["client", "TCP", 81, "silent"],
  ["client", "UDP", 54, "silent"],
  ["stranger", "TCP", 80, "silent"],
  ["stranger", "UDP", 53, "silent"],
  // Egress of the restricted pod.
  ["restricted", "UDP", 53, "answered"],
  ["restricted", "TCP", 80, "silent"],
] as const)("%s to the server, %s %i: %s", async ([name, protocol, port, outcome]) => {
  const { ipv4, ipv6 } = pods["server"] as LabPod;
  for (const address of [ipv4, ipv6]) {
    const options = { timeout: outcome === "answered" ? 5000 : 400 };
    expect(await pods[name]?.traffic.attempt({ protocol, address, port }, options)).toBe(outcome);
  }
});
