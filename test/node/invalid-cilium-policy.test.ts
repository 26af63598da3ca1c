import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { StatusView } from "#agent/api/views.ts";
import { until } from "#agent/local/until.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { ciliumPolicy, labelled } from "#test/support/object-text.ts";
import { useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const rule = { fromEndpoints: [labelled("client")] };
const valid = ciliumPolicy("server", { ingress: [rule] });
/** Opens to everybody, but for a field that there is not, and a port that there cannot be. */
const invalid = ciliumPolicy("server", {
  ingress: [{ fromEntities: ["all"], fromEndpoint: [{}] }, { toPorts: [{ ports: [{ port: "99999" }] }] }],
});

const node = useNode({ objects: { "server.yaml": valid } });
const pods = usePods(node, ["server", "client", "stranger"]);

/** Nobody listens: a refusal tells that policy let the packet through. */
async function expectAsBefore(): Promise<void> {
  await expectTraffic(pods.client, pods.server, 80, "refused");
  await expectTraffic(pods.stranger, pods.server, 80, "silent");
}

async function status(): Promise<StatusView> {
  return JSON.parse((await node().weir("status", "-o", "json")).stdout) as StatusView;
}

test("an object with invalid fields changes nothing that is in force, and shows in the status", async () => {
  await expectAsBefore();
  const revision = await node().revision();
  node().writeObjects("server.yaml", invalid);
  const { problems } = await until("the problem", async () => {
    const found = await status();
    return found.state === "degraded" && found;
  });
  expect(problems.join("\n")).toMatch(/server\.yaml:\d+:\d+: spec\.ingress\[0\]\.fromEndpoint: /);
  expect(problems.join("\n")).toMatch(/server\.yaml:\d+:\d+: spec\.ingress\[1\]\.toPorts\[0\]\.ports\[0\]\.port: /);
  expect((await node().weir("status")).code).toBe(5);
  await expectAsBefore();
  expect(await node().revision()).toBe(revision);
});

test("it is still so after a restart", async () => {
  await node().agent.kill();
  await node().startAgent({ degraded: true });
  expect((await status()).state).toBe("degraded");
  await expectAsBefore();
});

test("what is applied is refused before anything is kept", async () => {
  const file = `${node().folder}/applied.yaml`;
  writeFileSync(file, invalid.replace("name: server", "name: applied"));
  const { code, stderr } = await node().weir("policy", "apply", file);
  expect([code, stderr.match(/applied\.yaml:/g)?.length]).toEqual([2, 3]);
  await expectAsBefore();
});

test("mended, it counts, and all is well", async () => {
  await node().changeObjects("server.yaml", ciliumPolicy("server", { ingress: [{ fromEntities: ["all"] }] }));
  await expectTraffic(pods.stranger, pods.server, 80, "refused");
  await until("a status without problems", async () => (await status()).state === "ok");
});
