import { expect, test } from "vitest";
import type { Stream } from "#agent/local/traffic.ts";
import { until } from "#agent/local/until.ts";
import { targetOf } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { sized } from "#test/support/size.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const kills = sized({ short: 4, long: 50 });
const connections = sized({ short: 200, long: 1_000 });

const ingress = [{ from: [app("client")] }];
const node = useNode({
  objects: { "server.yaml": networkPolicy({ name: "server", selects: { app: "server" }, ingress }) },
});
const pods = usePods(node, ["server", "client", "stranger"]);

prepare(() => pods.server.traffic.serve("TCP", 80));
prepare(() => pods.server.traffic.serve("UDP", 80));

test(`the agent is killed ${kills} times under ${connections} connections: none is reset, and no verdict changes`, async () => {
  await using stack = new AsyncDisposableStack();
  const streams: Stream[] = [];
  for (let i = 0; i < connections; i++) {
    const shape = { interval: 500 + (i % 500) };
    streams.push(stack.use(await pods.client.traffic.stream(targetOf(pods.server, 80), shape)));
  }
  const denied = stack.use(await pods.stranger.traffic.stream(targetOf(pods.server, 80, "UDP"), { interval: 1 }));

  /** Every connection is there, and has had an answer since. */
  const allGoOn = async (): Promise<void> => {
    const reports = () => Promise.all(streams.map((stream) => stream.report()));
    const before = await reports();
    await until("every connection to go on", async () => {
      const now = await reports();
      expect(now.filter(({ ended }) => ended !== null)).toEqual([]);
      return now.every(({ received }, i) => received > (before[i]?.received ?? 0));
    });
  };

  await allGoOn();
  for (let i = 0; i < kills; i++) {
    await node().agent.kill();
    // Half of the time with the agent away for a while, half of it back at once.
    if (i % 2 === 0) await allGoOn();
    await node().startAgent();
  }
  await allGoOn();
  const { sent, received } = await denied.report();
  expect({ some: sent > 100, received }).toEqual({ some: true, received: 0 });
}, 600_000);
