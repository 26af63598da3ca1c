import { expect, test } from "vitest";
import { targetOf } from "#test/support/expect-traffic.ts";
import { podObject } from "#test/support/kubernetes-objects.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { received } from "#test/support/stream.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

/** The client has one role, and the server lets in another. */
function state(role: string, admitted: string): string {
  const client = podObject({ name: "client", labels: { role } });
  const from = [{ podSelector: { matchLabels: { role: admitted } } }];
  return `${client}\n---\n${networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ from }] })}`;
}

const node = useNode({ objects: { "both.yaml": state("x", "y") } });
const pods = usePods(node, ["server", "client"]);

prepare(() => pods.server.traffic.serve("UDP", 80));

test("no datagram passes while labels and policy of one file change together, and both states deny it", async () => {
  await using stream = await pods.client.traffic.stream(targetOf(pods.server, 80, "UDP"), { interval: 1 });
  for (let i = 0; i < 10; i++) {
    await node().changeObjects("both.yaml", state("y", "x"));
    await node().changeObjects("both.yaml", state("x", "y"));
  }
  expect(await received(stream)).toBe(0);
  expect((await stream.report()).sent).toBeGreaterThan(100);
  await node().changeObjects("both.yaml", state("y", "y"));
  expect(await pods.client.traffic.attempt(targetOf(pods.server, 80, "UDP"))).toBe("answered");
});
