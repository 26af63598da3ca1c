import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mustRun } from "#agent/local/command.ts";
import { curl, urlOf } from "#test/support/curl.ts";
import { http, l7Policy, tcp } from "#test/support/l7-policy.ts";
import { startNginx } from "#test/support/nginx.ts";
import { Outside } from "#test/support/outside.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode();
const pods = usePods(node, ["web", "client"]);
const get = http(80, "{method: GET}");
let outside: Outside;

prepare(async () => {
  outside = await Outside.asDefaultRoute(node());
  const { lab, namespace } = node();
  for (const [name, place] of [
    ["web", pods.web.namespace],
    ["world", outside.namespace],
    ["host", namespace],
  ] as const) {
    await startNginx({ lab, place, name, ports: [80] });
  }
  const policies = [
    l7Policy({ name: "web", app: "web", ingress: [`{fromEntities: [world], ${get}}`] }),
    l7Policy({ name: "client", app: "client", egress: [`{toEntities: [world, host], ${get}}`] }),
  ];
  await node().changeObjects("rules.yaml", policies.join("\n---\n"));
});

test("requests of the world to a pod are judged, and the pod sees who asks", async () => {
  for (const [address, from] of [
    [pods.web.ipv4, outside.ipv4],
    [pods.web.ipv6, outside.ipv6],
  ] as const) {
    const url = urlOf(address);
    expect(await curl(outside.namespace, url)).toMatchObject({ status: 200, body: `GET /public/x from ${from}\n` });
    expect((await curl(outside.namespace, url, "-X", "POST")).status).toBe(403);
  }
});

test("requests of a pod to the world are judged, and the world sees the node", async () => {
  // It knows no way to pods: an answer comes back only to the node's address.
  await mustRun(outside.namespace.enter(["ip", "route", "delete", "default"]));
  await mustRun(outside.namespace.enter(["ip", "-6", "route", "delete", "default"]));
  for (const [address, from] of [
    [outside.ipv4, outside.node4],
    [outside.ipv6, outside.node6],
  ] as const) {
    const url = urlOf(address);
    expect(await curl(pods.client.namespace, url)).toMatchObject({ status: 200, body: `GET /public/x from ${from}\n` });
    expect((await curl(pods.client.namespace, url, "-X", "POST")).status).toBe(403);
  }
});

test("requests of a pod to the node itself are judged", async () => {
  for (const address of [pods.client.gateway4, pods.client.gateway6, outside.node4, outside.node6]) {
    const url = urlOf(address);
    expect((await curl(pods.client.namespace, url)).status, address).toBe(200);
    expect((await curl(pods.client.namespace, url, "-X", "POST")).status, address).toBe(403);
  }
});

test("what a pod says on a connection to the node that is older than the rule reaches nobody, also where it is not remembered", async () => {
  const { lab, namespace } = node();
  const log = join(lab.folder, "asked.log");
  const server = `access_log ${log}; location / { return 200 "ok\\n"; }`;
  await startNginx({ lab, place: namespace, name: "logging", ports: [81], server });
  const toHost = (part: string) => l7Policy({ name: "host", app: "client", egress: [`{toEntities: [host], ${part}}`] });
  await node().changeObjects("host.yaml", toHost(tcp(81)));
  const ask = (method: string): string => `printf '${method} / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n' >&3`;
  const script = [
    `exec 3<>/dev/tcp/${pods.client.gateway4}/81; ${ask("GET")}; read -r answer <&3; echo "$answer"`,
    `read -r; ${ask("POST")}; while read -r line <&3; do :; done 2>/dev/null`,
  ].join("\n");
  const [program = "", ...args] = pods.client.namespace.enter(["bash", "-c", script]);
  const client = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  using _ = lab.track(client.pid ?? 0);
  expect(String((await once(client.stdout, "data"))[0])).toContain("200");
  await node().changeObjects("host.yaml", toHost(http(81, "{method: GET}")));
  await node().read("bpf", "ct", "flush", "--source", pods.client.ipv4);
  client.stdin.end("now\n");
  await once(client, "exit");
  await curl(pods.client.namespace, urlOf(pods.client.gateway4, 81));
  expect((await readFile(log, "utf8")).match(/"[A-Z]+ /g)).toEqual(['"GET ', '"GET ']);
});
