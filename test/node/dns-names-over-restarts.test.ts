import { expect, test } from "vitest";
import type { NamedAddressView } from "#agent/api/name-views.ts";
import type { StatusView } from "#agent/api/views.ts";
import { mustRun } from "#agent/local/command.ts";
import { curl, urlOf } from "#test/support/curl.ts";
import { dig } from "#test/support/dig.ts";
import { startDnsmasq } from "#test/support/dnsmasq.ts";
import { l7Policy } from "#test/support/l7-policy.ts";
import { startNginx } from "#test/support/nginx.ts";
import { Outside } from "#test/support/outside.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode();
const pods = usePods(node, ["dns", "web", "client"]);

const policy = (...names: string[]): string =>
  l7Policy({
    name: "client",
    app: "client",
    egress: [
      '{toEndpoints: [{matchLabels: {app: dns}}], toPorts: [{ports: [{port: "53", protocol: ANY}], rules: {dns: [{matchPattern: "*"}]}}]}',
      `{toFQDNs: [${names.map((name) => `{matchPattern: "${name}"}`).join(", ")}], toPorts: [{ports: [{port: "80", protocol: TCP}]}]}`,
    ],
  });

prepare(async () => {
  const outside = await Outside.asDefaultRoute(node());
  await mustRun(outside.namespace.enter(["ip", "route", "add", "local", "198.18.0.0/16", "dev", "lo"]));
  const { lab } = node();
  const hosts = Array.from({ length: 20 }, (_, i) => `host-record=n${i}.example.com,198.18.0.${i + 1}`);
  const others = [`host-record=pod.example.com,${pods.web.ipv4}`, "host-record=web.else.org,198.18.1.1"];
  await startDnsmasq({ lab, place: pods.dns.namespace, name: "dns", lines: ["local-ttl=600", ...hosts, ...others] });
  await startNginx({ lab, place: outside.namespace, name: "world", ports: [80] });
  await startNginx({ lab, place: pods.web.namespace, name: "web", ports: [80] });
  await node().changeObjects("client.yaml", policy("*.example.com"));
});

/** Whether a page is there, asked for with one SYN and no more. */
async function isReached(address: string): Promise<boolean> {
  // A second SYN would leave after a second.
  return (await curl(pods.client.namespace, urlOf(address), "--connect-timeout", "0.9")).status === 200;
}

/** Asks for a name that nobody has asked for before, and calls its address. */
async function isUsable(index: number): Promise<boolean> {
  const { data } = await dig(pods.client.namespace, pods.dns.ipv4, `n${index}.example.com`);
  expect(data).toEqual([`198.18.0.${index + 1}`]);
  return isReached(`198.18.0.${index + 1}`);
}

test("names are usable, old ones and new ones, while the agent is away, however it went, and when it is there again", async () => {
  let next = 0;
  expect(await isUsable(next++)).toBe(true);
  for (const end of ["stop", "kill"] as const) {
    await node().agent[end]();
    expect(await isReached("198.18.0.1")).toBe(true);
    expect(await isUsable(next++)).toBe(true);
    const starting = node().startAgent();
    expect(await isUsable(next++)).toBe(true);
    await starting;
    expect(await isUsable(next++)).toBe(true);
    for (let i = 0; i < next; i++) expect([i, await isReached(`198.18.0.${i + 1}`)]).toEqual([i, true]);
  }
  const names = await node().read<readonly NamedAddressView[]>("fqdn", "cache", "list");
  expect(names.map(({ name }) => name).sort()).toEqual(Array.from({ length: next }, (_, i) => `n${i}.example.com`));
  expect((await node().weir("policy", "verify")).stdout).toMatch(/^equal /);
  expect(await node().read<StatusView>("status")).toMatchObject({ problems: [], names: { names: next } });
}, 120_000);

test("a name learned while nobody spoke of it is usable as soon as a rule speaks of it, and no longer than that", async () => {
  await dig(pods.client.namespace, pods.dns.ipv4, "web.else.org");
  expect(await isReached("198.18.1.1")).toBe(false);
  await node().changeObjects("client.yaml", policy("web.else.org"));
  expect(await isReached("198.18.1.1")).toBe(true);
  expect(await isReached("198.18.0.1")).toBe(false);
  await node().changeObjects("client.yaml", policy("*.example.com"));
  expect([await isReached("198.18.1.1"), await isReached("198.18.0.1")]).toEqual([false, true]);
});

test("a name that stands for a pod does not make it reachable, neither with an agent nor without", async () => {
  const ask = (): Promise<unknown> => dig(pods.client.namespace, pods.dns.ipv4, "pod.example.com");
  expect(await ask()).toMatchObject({ data: [pods.web.ipv4] });
  expect(await isReached(pods.web.ipv4)).toBe(false);
  await node().agent.stop();
  await ask();
  expect(await isReached(pods.web.ipv4)).toBe(false);
  await node().startAgent();
  expect(await isReached(pods.web.ipv4)).toBe(false);
});
