import { expect, test } from "vitest";
import { deviceOf, EventSource, frameOf } from "#test/support/event-source.ts";
import { expectGrowth, metricValues } from "#test/support/metric-values.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({
  objects: { "closed.yaml": networkPolicy({ name: "closed", selects: { app: "closed" }, ingress: [] }) },
});
const pods = usePods(node, ["client", "closed"]);

const seen = 'weir_flows_total{type="policy-verdict",verdict="DROPPED"}';
const lost = "weir_flows_lost_total";
const dropped = 'weir_dropped_packets_total{reason="POLICY_DENIED",direction="egress",hook="pod-egress"}';

test("of a flood of denied packets every one is seen or counted as lost, and the agent answers meanwhile", async () => {
  const source = await EventSource.start(node());
  const ifindex = await deviceOf(node(), pods.client);
  const flood = frameOf(pods.client, pods.closed, [40_000, 80], "SYN");
  const before = await metricValues(node());
  const state = { made: -1, answers: 0 };
  const making = source
    .run({ ifindex, flood, perSecond: 10_000_000, packets: 3_000_000 })
    .then((made) => (state.made = made));
  while (state.made < 0) {
    expect((await node().client.endpoints()).length).toBe(2);
    state.answers++;
  }
  const made = await making;
  expect(state.answers).toBeGreaterThan(0);
  const growth = async (name: string) => ((await metricValues(node())).get(name) ?? 0) - (before.get(name) ?? 0);
  await expect.poll(async () => (await growth(seen)) + (await growth(lost)), { timeout: 20_000 }).toBe(made);
  expect(await growth(dropped)).toBe(made);
  const { flows } = await node().client.status();
  expect(flows.kept).toBe(flows.capacity);
});

test("what comes while the agent does not run is counted as lost as far as the ring has no room for it", async () => {
  const source = await EventSource.start(node());
  const ifindex = await deviceOf(node(), pods.client);
  const before = await metricValues(node());
  const { pid } = node().agent;
  process.kill(pid, "SIGSTOP");
  const order = { ifindex, flood: frameOf(pods.client, pods.closed, [40_001, 80], "SYN") };
  const made = await source
    .run({ ...order, perSecond: 10_000_000, packets: 100_000 })
    .finally(() => process.kill(pid, "SIGCONT"));
  const growth = async (name: string) => ((await metricValues(node())).get(name) ?? 0) - (before.get(name) ?? 0);
  await expect.poll(async () => (await growth(seen)) + (await growth(lost)), { timeout: 20_000 }).toBe(made);
  expect(await growth(lost)).toBeGreaterThan(0);
  const { flows } = await node().client.status();
  expect(flows.lost).toBe((await metricValues(node())).get(lost));
});

test("after it every packet is seen again", async () => {
  const source = await EventSource.start(node());
  const ifindex = await deviceOf(node(), pods.client);
  const frames = Array.from({ length: 100 }, (_, i) => frameOf(pods.client, pods.closed, [41_000 + i, 80], "SYN"));
  await expectGrowth(node(), () => source.run({ ifindex, frames }), { [seen]: frames.length, [lost]: 0 });
});
