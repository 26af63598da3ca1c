import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Trace } from "#agent/api/trace-views.ts";
import type { StatusView } from "#agent/api/views.ts";
import { AgentProcess } from "#agent/local/agent-process.ts";
import { mustRun } from "#agent/local/command.ts";
import { until } from "#agent/local/until.ts";
import { curl, urlOf } from "#test/support/curl.ts";
import { HttpLoad } from "#test/support/http-load.ts";
import { http, l7Policy, tcp } from "#test/support/l7-policy.ts";
import { startNextProxy } from "#test/support/next-proxy.ts";
import { startNginx } from "#test/support/nginx.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode();
const pods = usePods(node, ["web", "client"]);
const rule = (...rules: string[]): string =>
  l7Policy({ name: "web", app: "web", ingress: [`{fromEndpoints: [{}], ${http(80, ...rules)}}`] });
const get = '{method: GET, path: "/public/.*"}';

const proxy = async (): Promise<StatusView["proxy"]> => (await node().client.status()).proxy;

async function workers(): Promise<number[]> {
  const { pid } = await proxy();
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.trim().split(" ").map(Number);
}

prepare(async () => {
  await startNginx({ lab: node().lab, place: pods.web.namespace, name: "web", ports: [80] });
  await node().changeObjects("web.yaml", rule(get));
});

test("requests go on while the agent restarts, and when it is killed; the proxy is the same", async () => {
  await using load = new HttpLoad(pods.client, { address: pods.web.ipv4 });
  await load.more(100);
  const { pid } = await proxy();
  for (const end of ["stop", "kill", "stop"] as const) {
    await node().agent[end]();
    await load.more(100);
    await node().startAgent();
  }
  const { failures, opened } = await load.more(100);
  expect([failures, opened, (await proxy()).pid]).toEqual([{}, 8, pid]);
});

test("requests go on while a new proxy takes over, which then is the one", async () => {
  await using load = new HttpLoad(pods.client, { address: pods.web.ipv4 });
  await load.more(100);
  const { pid } = await proxy();
  const next = await startNextProxy(node());
  await until("the end of the earlier one", async () => (await proxy()).draining === 0);
  const { failures } = await load.more(100);
  expect([failures, next.pid === pid, await proxy()]).toMatchObject([{}, false, { state: "ok" }]);
  expect((await curl(pods.client.namespace, urlOf(pods.web.ipv4), "-X", "POST")).status).toBe(403);
});

test("an agent of another build has the proxy replaced, and no request is lost", async () => {
  await using load = new HttpLoad(pods.client, { address: pods.web.ipv4 });
  await load.more(100);
  const { build } = await proxy();
  await node().agent.stop();
  const { lab, folder, client } = node();
  const dist = join(lab.folder, "next-build");
  await mustRun(["cp", "-al", lab.dist, dist]);
  const program = join(dist, "lib/weir.mjs");
  const text = await readFile(program, "utf8");
  await rm(program);
  await writeFile(program, `${text}\n// the next build\n`);
  const command = node().enter([join(dist, "weir"), "agent", ...node().agentOptions]);
  const agent = new AgentProcess({ command, log: join(folder, "next-agent.log"), track: (pid) => lab.track(pid) });
  await agent.ready(async () => (await client.status()).state === "ok");
  await until("a proxy of its build", async () => ![null, build].includes((await proxy()).build));
  await until("the end of the earlier one", async () => (await proxy()).draining === 0);
  expect((await load.more(100)).failures).toEqual({});
  await agent.stop();
  await node().startAgent();
  await until("a proxy of this build again", async () => (await proxy()).build === build);
});

test("a proxy that is killed, or one of its workers, is replaced, and nothing passes unseen meanwhile", async () => {
  const deny = async (): Promise<boolean> => {
    const { status } = await curl(pods.client.namespace, urlOf(pods.web.ipv4, 80, "/admin"), "-m", "1");
    expect(status).not.toBe(200);
    return status === 403;
  };
  const { pid } = await proxy();
  for (const victim of [async () => pid as number, async () => (await workers())[0] as number]) {
    process.kill(await victim(), "SIGKILL");
    await until("a denial of the proxy's", deny);
    expect((await curl(pods.client.namespace, urlOf(pods.web.ipv4))).status).toBe(200);
    await until("the agent to see it", async () => (await node().client.status()).state === "ok");
  }
});

test("a change of rules reaches the next request of an open connection", async () => {
  await using load = new HttpLoad(pods.client, { address: pods.web.ipv6, connections: 2 });
  await load.more(10);
  await node().changeObjects("web.yaml", rule("{method: POST}"));
  await load.more(10, 403);
  await node().changeObjects("web.yaml", rule(get));
  const { failures, opened } = await load.more(10);
  expect([failures, opened]).toEqual([{}, 2]);
});

test("connections of the proxy's go on when no rule asks for it any more; when one does again, those without it end", async () => {
  await using load = new HttpLoad(pods.client, { address: pods.web.ipv4 });
  await load.more(100);
  const plain = l7Policy({ name: "web", app: "web", ingress: [`{fromEndpoints: [{}], ${tcp(80)}}`] });
  await node().changeObjects("web.yaml", plain);
  const { failures, opened } = await load.more(100);
  expect([failures, opened]).toEqual([{}, 8]);
  await using other = new HttpLoad(pods.client, { address: pods.web.ipv4, path: "/admin", connections: 1 });
  await other.more(10);
  await node().changeObjects("web.yaml", rule(get));
  const before = (await other.report()).statuses["200"];
  await other.more(10, 403);
  expect((await other.report()).statuses["200"]).toBe(before);
  await load.more(100);
});

test("while the proxy is stopped status says so, and a rule that lets connections pass then has its way, as trace says", async () => {
  const open = "namespace: default, annotations: {weir.io/proxy-failure: open}}";
  const trace = () => node().read<Trace>("trace", "--from", "default/client", "--to", "default/web:80");
  await node().changeObjects("web.yaml", rule(get).replace("namespace: default}", open));
  expect(await trace()).toMatchObject({ verdict: "redirect", differences: [] });
  const pid = (await proxy()).pid as number;
  process.kill(pid, "SIGSTOP");
  try {
    await until("the silence to be told of", async () => (await proxy()).state === "silent");
    expect((await node().client.status()).problems.join()).toContain(`process ${pid}, does not show that it works`);
    const outcome = expect.stringContaining("without the proxy") as string;
    expect(await trace()).toMatchObject({ verdict: "allow", outcome, differences: [] });
    expect((await curl(pods.client.namespace, urlOf(pods.web.ipv4, 80, "/admin"))).status).toBe(200);
    expect((await node().weir("status")).stdout).toMatch(/Proxy .*[1-9]\d* connections passed without it/);
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await until("a denial again", async () => {
    return (await curl(pods.client.namespace, urlOf(pods.web.ipv4, 80, "/admin"))).status === 403;
  });
});
