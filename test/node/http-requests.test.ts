import { expect, test } from "vitest";
import type { StatusView } from "#agent/api/views.ts";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { curl, urlOf } from "#test/support/curl.ts";
import { http, l7Policy, tcp } from "#test/support/l7-policy.ts";
import { startNginx } from "#test/support/nginx.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({ args: ["--l7-name-denier", "true"] });
const pods = usePods(node, ["web", "client", "other"]);
const addressesOf = (pod: LabPod): [string, string] => [pod.ipv4, pod.ipv6];
const public_ = http(80, '{method: GET, path: "/public/.*"}');

prepare(async () => {
  await startNginx({ lab: node().lab, place: pods.web.namespace, name: "web", ports: [80, 81] });
});

/** Asks the web by both families. */
async function ask(from: LabPod, path: string, ...args: string[]): Promise<number[]> {
  const answers = await Promise.all(
    addressesOf(pods.web).map((address) => curl(from.namespace, urlOf(address, 80, path), ...args)),
  );
  return answers.map(({ status }) => status);
}

test.each([
  { where: "of the server", rules: { ingress: ["web"] } },
  { where: "of the client", rules: { egress: ["client"] } },
  { where: "of both", rules: { ingress: ["web"], egress: ["client"] } },
])("with a rule $where what it asks for passes, the rest is answered with 403", async ({ rules }) => {
  const ingress = [`{fromEndpoints: [{matchLabels: {app: client}}], ${public_}}`];
  const egress = [`{toEndpoints: [{matchLabels: {app: web}}], ${public_}}`];
  const objects = [
    ...(rules.ingress ? [l7Policy({ name: "web", app: "web", ingress })] : []),
    ...(rules.egress ? [l7Policy({ name: "client", app: "client", egress })] : []),
  ];
  await node().changeObjects("rules.yaml", objects.join("\n---\n"));
  expect(await ask(pods.client, "/public/x")).toEqual([200, 200]);
  expect(await ask(pods.client, "/public/x", "-d", "content")).toEqual([403, 403]);
  expect(await ask(pods.client, "/admin")).toEqual([403, 403]);
  expect(await node().read<StatusView>("status")).toMatchObject({ state: "ok", problems: [], proxy: { state: "ok" } });
});

test("the server sees the client's own address", async () => {
  for (const [n, address] of addressesOf(pods.web).entries()) {
    const { body } = await curl(pods.client.namespace, urlOf(address));
    expect(body.trim()).toBe(`GET /public/x from ${addressesOf(pods.client)[n]}`);
  }
});

test("who may not connect at all does not come to the proxy", async () => {
  const { status, error } = await curl(pods.other.namespace, urlOf(pods.web.ipv4), "-m", "1");
  expect([status, error]).toEqual([0, expect.stringContaining("timed out")]);
});

test("both rules have to allow a request", async () => {
  const ingress = [`{fromEndpoints: [{}], ${http(80, "{method: GET}")}}`];
  const egress = [`{toEndpoints: [{}], ${http(80, '{path: "/a"}')}}`];
  const policies = [
    l7Policy({ name: "web", app: "web", ingress }),
    l7Policy({ name: "client", app: "client", egress }),
  ];
  await node().changeObjects("rules.yaml", policies.join("\n---\n"));
  expect(await ask(pods.client, "/a")).toEqual([200, 200]);
  expect(await ask(pods.client, "/a", "-X", "PUT")).toEqual([403, 403]);
  expect(await ask(pods.client, "/b")).toEqual([403, 403]);
});

test("a rule that asks nothing of requests lets all of them through beside one that does", async () => {
  const ingress = [`{fromEndpoints: [{}], ${public_}}`, `{fromEndpoints: [{matchLabels: {app: other}}], ${tcp(80)}}`];
  await node().changeObjects("rules.yaml", l7Policy({ name: "web", app: "web", ingress }));
  expect(await ask(pods.other, "/admin", "-X", "DELETE")).toEqual([200, 200]);
  expect(await ask(pods.client, "/admin")).toEqual([403, 403]);
});

test("who is denied is told by which policies, as the agent is asked to", async () => {
  const ingress = [`{fromEndpoints: [{matchLabels: {app: client}}], ${public_}}`];
  await node().changeObjects("rules.yaml", l7Policy({ name: "web", app: "web", ingress }));
  for (const version of ["--http1.1", "--http2-prior-knowledge"]) {
    const { status, body } = await curl(pods.client.namespace, urlOf(pods.web.ipv4, 80, "/admin"), "-i", version);
    expect([version, status]).toEqual([version, 403]);
    expect(body).toContain("x-weir-denied-by: ingress, CiliumNetworkPolicy default/web\r\n");
  }
});
