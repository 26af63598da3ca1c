import { expect, test } from "vitest";
import { FlowLog } from "#agent/local/flow-log.ts";
import { until } from "#agent/local/until.ts";
import { expectTraffic, targetOf } from "#test/support/expect-traffic.ts";
import { ciliumPolicy, labelled } from "#test/support/object-text.ts";
import { goesOn, received } from "#test/support/stream.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const rules = { ingress: [{ fromEndpoints: [labelled("client")] }] };
const endingAt = (end: number): string =>
  ciliumPolicy("server", rules, { annotations: { "weir.io/not-after": new Date(end).toISOString() } });

const node = useNode({ objects: { "server.yaml": ciliumPolicy("server", rules) } });
const pods = usePods(node, ["server", "other", "client"]);
const key = { from: "default/client", to: "default/server", family: 4, protocol: "TCP", port: 80 } as const;

prepare(async () => {
  for (const pod of [pods.server, pods.other]) await pod.traffic.serve("TCP", 80);
});

test("a rule ends while traffic runs: streams are cut, new connections denied, and flows say so", async () => {
  await using log = new FlowLog(node().client);
  await using stream = await pods.client.traffic.stream(targetOf(pods.server, 80));
  await using other = await pods.client.traffic.stream(targetOf(pods.other, 80));
  await goesOn(stream);

  const end = Date.now() + 5000;
  await node().changeObjects("server.yaml", endingAt(end));
  await goesOn(stream);
  const { mark } = log;
  const drop = await until("a packet of the stream to be dropped", () =>
    log.since(mark).find(({ verdict }) => verdict === "DROPPED"),
  );
  expect(Date.parse(drop.time)).toBeGreaterThanOrEqual(end);
  expect(drop.weir.denied).toBe("ingress");
  const before = await received(stream);
  await goesOn(other, 100);
  expect(await received(stream)).toBeLessThanOrEqual(before + 1);

  const last = log.mark;
  await expectTraffic(pods.client, pods.server, 80, "silent");
  const flow = await log.find(key, { after: last });
  expect(flow).toMatchObject({ verdict: "DROPPED", weir: { denied: "ingress", rules: [] } });
  // But for its end the rule would have allowed it.
  expect(flow.weir.nearest).toMatchObject({
    name: "server",
    rule: "ingress[0]",
    because: `ended ${new Date(end).toISOString().replace(".000Z", "Z")}`,
  });
  expect((await node().weir("policy", "verify")).code).toBe(0);
});

test("a rule that ends later counts until then", async () => {
  await node().changeObjects("server.yaml", endingAt(Date.now() + 3_600_000));
  await expectTraffic(pods.client, pods.server, 80, "answered");
  await node().changeObjects("server.yaml", endingAt(Date.now() - 1000));
  await expectTraffic(pods.client, pods.server, 80, "silent");
});
