import { expect, test } from "vitest";
import { LabNode } from "#agent/local/lab-node.ts";
import { Lab } from "#agent/local/lab.ts";
import { until } from "#agent/local/until.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { unmet } from "#test/support/requirement.ts";
import { consulKind, etcdKind, StoreServer } from "#test/support/store-server.ts";

/** Five addresses of IPv4 in a block. */
const cidrs = ["--cluster-pool-cidr", "10.96.0.0/16,fd00:96::/112", "--cluster-pool-mask", "29,125"];

test.for([etcdKind, consulKind])(
  "without $name, pods get what the node's blocks have, then a clear no, and a further block when it is back",
  async (kind, context) => {
    const reason = unmet("root", "namespaces", "dist", kind.name);
    if (reason !== undefined) return context.skip(reason);
    await using stack = new AsyncDisposableStack();
    const node = LabNode.create(stack.use(await Lab.create()));
    const server = stack.use(await StoreServer.start(kind, { enter: (command) => node.namespace.enter(command) }));
    const args = ["--store", kind.name, "--store-address", server.address, "--ipam", "cluster-pool", ...cidrs];
    await node.startAgent({ args });
    const add = (name: string) => node.addPod({ name, labels: { app: "web" } });
    const first = await add("first");

    await server.pause();
    for (let n = 2; n <= 5; n++) await add(`pod-${n}`);
    await expect(add("late")).rejects.toThrow(
      /"code": ?11,.*10\.96\.\d+\.\d+\/29 has 5 of 5 addresses in use, and no further one can be had: /s,
    );
    expect((await node.client.status()).problems.join("\n")).toMatch(/pool 10\.96\.\d+\.\d+\/29 is full: 5 of 5/);

    server.resume();
    const late = await until("a further block", () => add("later"));
    expect(late.gateway4).toBe(first.gateway4);
    await expectTraffic(late, first, 80, "refused");
    const { ranges } = (await node.client.status()).ipam;
    expect(ranges.filter(({ cidr }) => cidr.startsWith("10.96."))).toHaveLength(2);
  },
);
