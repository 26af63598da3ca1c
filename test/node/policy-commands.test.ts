import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { PolicyChange, PolicyObjectView, PolicyView } from "#agent/api/policy-views.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const name = "NetworkPolicy/default/server";
const node = useNode({
  objects: { "other.yaml": networkPolicy({ name: "other", selects: { app: "other" }, ingress: [] }) },
});
const pods = usePods(node, ["server", "client"]);
const closed = networkPolicy({ name: "server", selects: { app: "server" }, ingress: [] });
const open = networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ from: [app("client")] }] });

prepare(() => pods.server.traffic.serve("TCP", 80));

/** A file for `policy apply`; its name is what errors and rules give. */
function file(text: string): string {
  const path = join(node().folder, "server.yaml");
  writeFileSync(path, text);
  return path;
}

test("apply is in force when it returns, one revision later, and is listed with where it stands", async () => {
  const before = await node().revision();
  const change = await node().read<PolicyChange>("policy", "apply", file(closed));
  expect(change).toEqual({ revision: before + 1, objects: [name] });
  await expectTraffic(pods.client, pods.server, 80, "silent");
  expect(await node().revision()).toBe(before + 1);

  const listed = await node().read<PolicyView[]>("policy", "list");
  const view = { kind: "NetworkPolicy", namespace: "default", name: "server", origin: "applied", revision: before + 1 };
  expect(listed).toContainEqual({ ...view, file: expect.stringMatching(/server\.yaml$/), line: 1 });
  expect(listed).toContainEqual(expect.objectContaining({ name: "other", origin: "objects", file: "other.yaml" }));
  const got = await node().read<PolicyObjectView>("policy", "get", name);
  expect(got).toMatchObject({ ...view, manifest: { ingress: [] } });
});

test("apply once more replaces it, and what is refused leaves it alone", async () => {
  await node().read("policy", "apply", file(open));
  await expectTraffic(pods.client, pods.server, 80, "answered");
  const revision = await node().revision();
  const refused = await node().weir("policy", "apply", file(closed.replace("podSelector", "podSelectr")));
  expect([refused.code, refused.stderr]).toEqual([
    2,
    expect.stringMatching(/server\.yaml:\d+:\d+: spec\.podSelectr: /),
  ]);
  const taken = await node().weir("policy", "apply", file(networkPolicy({ name: "other", ingress: [] })));
  expect([taken.code, taken.stderr]).toEqual([2, expect.stringMatching(/already defined at other\.yaml:1/)]);
  expect(await node().revision()).toBe(revision);
  await expectTraffic(pods.client, pods.server, 80, "answered");
});

test("what was applied survives a restart", async () => {
  await node().read("policy", "apply", file(closed));
  await node().agent.kill();
  await node().startAgent();
  expect(await node().read<PolicyView>("policy", "get", name)).toMatchObject({ origin: "applied" });
  await expectTraffic(pods.client, pods.server, 80, "silent");
});

test("delete is in force when it returns; what was not applied is not found", async () => {
  const change = await node().read<PolicyChange>("policy", "delete", name);
  expect(change).toEqual({ revision: await node().revision(), objects: [name] });
  await expectTraffic(pods.client, pods.server, 80, "answered");
  for (const absent of [name, "NetworkPolicy/default/other"]) {
    expect((await node().weir("policy", "delete", absent)).code).toBe(4);
  }
  expect((await node().weir("policy", "get", name)).code).toBe(4);
});
