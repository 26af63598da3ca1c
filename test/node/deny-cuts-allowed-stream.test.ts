import { expect, test } from "vitest";
import { expectTraffic, targetOf } from "#test/support/expect-traffic.ts";
import { ciliumPolicy, labelled } from "#test/support/object-text.ts";
import { goesOn, received } from "#test/support/stream.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const allowed = { egress: [{ toEndpoints: [{}] }] };
/** Denies what the rule beside it allows. */
const denied = { ...allowed, egressDeny: [{ toEndpoints: [labelled("server")] }] };

const node = useNode({
  objects: {
    "client.yaml": ciliumPolicy("client", allowed),
    // Nothing of its own gets out: its answers need no rule.
    "other.yaml": ciliumPolicy("other", { egress: [{}], ingress: [{ fromEndpoints: [{}] }] }),
  },
});
const pods = usePods(node, ["client", "server", "other"]);

prepare(async () => {
  for (const pod of [pods.server, pods.other]) await pod.traffic.serve("TCP", 80);
});

test("answers need no rule", async () => {
  await expectTraffic(pods.other, pods.server, 80, "silent");
  await expectTraffic(pods.server, pods.other, 80, "answered");
});

test("a deny cuts the stream that a rule allows, and leaves replies of allowed flows alone", async () => {
  await using cut = await pods.client.traffic.stream(targetOf(pods.server, 80));
  await using cut6 = await pods.client.traffic.stream(targetOf(pods.server.ipv6, 80));
  await using other = await pods.client.traffic.stream(targetOf(pods.other, 80));
  await using incoming = await pods.server.traffic.stream(targetOf(pods.other, 80));
  for (const stream of [cut, cut6, other, incoming]) await goesOn(stream);

  await node().changeObjects("client.yaml", ciliumPolicy("client", denied));
  // What had arrived when the policy changed may not have been read by then.
  const before = [await received(cut), await received(cut6)] as const;
  for (const stream of [other, incoming]) await goesOn(stream, 100);
  expect(await received(cut)).toBeLessThanOrEqual(before[0] + 1);
  expect(await received(cut6)).toBeLessThanOrEqual(before[1] + 1);

  await node().changeObjects("client.yaml", ciliumPolicy("client", allowed));
  await goesOn(cut);
});
