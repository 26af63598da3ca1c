import { describe, expect, test } from "vitest";
import { useNode } from "#test/support/use-node.ts";

describe.for([
  { family: "IPv4", podCidr: "10.78.0.0/24" },
  { family: "IPv6", podCidr: "fd00:78::/64" },
])("a node with $family only", ({ podCidr }) => {
  const node = useNode({ podCidr });

  test("gives pods one address, and they reach each other", async () => {
    const [a, b] = [await node().addPod({ name: "a" }), await node().addPod({ name: "b" })];
    expect(b.result.ips).toHaveLength(1);
    const address = podCidr.includes(":") ? b.ipv6 : b.ipv4;
    await b.traffic.serve("TCP", 80);
    expect(await a.traffic.attempt({ protocol: "TCP", address, port: 80 }, { timeout: 5000 })).toBe("answered");
  });
});
