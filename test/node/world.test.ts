import { expect, test } from "vitest";
import { FlowLog } from "#agent/local/flow-log.ts";
import { until } from "#agent/local/until.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { Outside } from "#test/support/outside.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode();
const pods = usePods(node, ["server", "client"]);
let outside: Outside;

const everyPod = { podSelector: {}, namespaceSelector: {} };
const ingress = (...from: object[]) =>
  networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ from }] });
const egress = (...to: object[]) => networkPolicy({ name: "client", selects: { app: "client" }, egress: [{ to }] });

prepare(async () => {
  outside = new Outside(node());
  await outside.traffic.serve("TCP", 80);
  await pods.server.traffic.serve("TCP", 80);
});

test("without policy the world and pods reach each other", async () => {
  await expectTraffic(outside, pods.server, 80, "answered");
  await expectTraffic(outside, pods.server.ipv6, 80, "answered");
  await expectTraffic(pods.client, outside.ipv4, 80, "answered");
  await expectTraffic(pods.client, outside.ipv6, 80, "answered");
});

test("selectors of pods do not mean the world", async () => {
  await node().changeObjects("server.yaml", ingress(everyPod));
  await node().changeObjects("client.yaml", egress(everyPod));
  await using log = new FlowLog(node().client);
  await expectTraffic(outside, pods.server, 80, "silent");
  await expectTraffic(outside, pods.server.ipv6, 80, "silent");
  await expectTraffic(pods.client, outside.ipv4, 80, "silent");
  await expectTraffic(pods.client, pods.server, 80, "answered");
  const flow = await until("the drop", () =>
    log.since(0).find(({ IP, verdict }) => IP?.source === outside.ipv4 && verdict === "DROPPED"),
  );
  expect(flow.source.labels).toEqual(["reserved:world"]);
  expect(flow.weir.denied).toBe("ingress");
});

test("a block means the world by its addresses, but for its exceptions", async () => {
  await node().changeObjects("server.yaml", ingress({ ipBlock: { cidr: "192.0.2.0/24" } }));
  await node().changeObjects("client.yaml", egress({ ipBlock: { cidr: "2001:db8::/32" } }));
  await expectTraffic(outside, pods.server, 80, "answered");
  await expectTraffic(outside, pods.server.ipv6, 80, "silent");
  await expectTraffic(pods.client, outside.ipv4, 80, "silent");
  await expectTraffic(pods.client, outside.ipv6, 80, "answered");
  const except = [`${outside.ipv4}/32`];
  await node().changeObjects("server.yaml", ingress({ ipBlock: { cidr: "0.0.0.0/0", except } }));
  await expectTraffic(outside, pods.server, 80, "silent");
});
