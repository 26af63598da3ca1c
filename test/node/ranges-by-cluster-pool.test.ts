import { expect, test } from "vitest";
import type { StatusView } from "#agent/api/views.ts";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { useNode } from "#test/support/use-node.ts";

const cidrs = ["--cluster-pool-cidr", "10.96.0.0/16,fd00:96::/112", "--cluster-pool-mask", "29,125"];
const args = ["--ipam", "cluster-pool", ...cidrs];
const node = useNode({ args });

const ranges = async (): Promise<StatusView["ipam"]["ranges"]> => (await node().read<StatusView>("status")).ipam.ranges;

test("pods get addresses of the node's blocks, of further ones when these are full, and keep them over a restart", async () => {
  expect((await ranges()).map(({ cidr }) => cidr.split("/")[1])).toEqual(["29", "125"]);
  const pods: LabPod[] = [];
  for (let n = 0; n < 8; n++) pods.push(await node().addPod({ name: `pod-${n}` }));
  const [first, last] = [pods[0] as LabPod, pods[7] as LabPod];
  expect(new Set(pods.map(({ ipv4 }) => ipv4)).size).toBe(8);
  expect(new Set(pods.map(({ gateway4, gateway6 }) => `${gateway4} ${gateway6}`)).size).toBe(1);
  await expectTraffic(first, last, 80, "refused");
  await expectTraffic(last, first.ipv6, 80, "refused");
  const before = await ranges();
  expect(before.filter(({ cidr }) => cidr.startsWith("10.96."))).toHaveLength(2);

  await node().agent.kill();
  await node().startAgent({ args });
  const after = await ranges();
  expect(after.map(({ cidr, used }) => [cidr, used])).toEqual(
    expect.arrayContaining(before.map(({ cidr, used }) => [cidr, used])),
  );
  await expectTraffic(first, last, 80, "refused");
  expect(await last.check()).toBeNull();
});
