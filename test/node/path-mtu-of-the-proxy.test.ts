import { expect, test } from "vitest";
import { targetOf } from "#test/support/expect-traffic.ts";
import { l7Policy } from "#test/support/l7-policy.ts";
import { NarrowPath } from "#test/support/narrow-path.ts";
import { goesOn } from "#test/support/stream.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const tcp = 'ports: [{port: "80", protocol: TCP}]';
const node = useNode({
  objects: {
    // The proxy passes on what it cannot read, since a rule asks nothing of it.
    "client.yaml": l7Policy({
      name: "client",
      app: "client",
      egress: [`{toPorts: [{${tcp}, rules: {http: [{method: GET}]}}]}`, `{toPorts: [{${tcp}}]}`],
    }),
  },
});
const pods = usePods(node, ["client"]);
let far: NarrowPath;

prepare(async () => {
  far = new NarrowPath(node());
  await far.traffic.serve("TCP", 80);
});

test.for(["ipv4", "ipv6"] as const)(
  "what a router says of a narrow link reaches the proxy, which sends under the pod's address: %s",
  async (family) => {
    await using stream = await pods.client.traffic.stream(targetOf(far[family], 80), { size: 200_000 });
    await goesOn(stream, 40);
    expect((await stream.stop()).ended).toBeNull();
  },
);
