import { expect, test } from "vitest";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const closed = networkPolicy({ name: "server", selects: { app: "server" }, ingress: [] });
const open = networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ from: [app("client")] }] });

const node = useNode();
const pods = usePods(node, ["server", "client"]);

prepare(() => pods.server.traffic.serve("TCP", 80));

test.for([
  ["a new file", closed, "silent"],
  ["a changed file", open, "answered"],
  ["the file changed back", closed, "silent"],
] as const)("%s is in force when `policy wait` says so", async ([, text, outcome]) => {
  const next = (await node().revision()) + 1;
  node().writeObjects("server.yaml", text);
  const waited = await node().weir("policy", "wait", String(next), "--timeout", "30");
  expect([waited.code, waited.stdout]).toEqual([0, `revision ${next} is in force\n`]);
  await expectTraffic(pods.client, pods.server, 80, outcome);
});

test("a removed file frees its pods", async () => {
  await node().changeObjects("server.yaml", null);
  await expectTraffic(pods.client, pods.server, 80, "answered");
  expect((await node().client.policies()).length).toBe(0);
});

test("`policy wait` for a revision that does not come gives up when told to", async () => {
  const waited = await node().weir("policy", "wait", String((await node().revision()) + 1), "--timeout", "1");
  expect([waited.code, waited.stderr]).toEqual([1, expect.stringMatching(/is not in force after 1 s/)]);
});
