import { join } from "node:path";
import { expect, test } from "vitest";
import type { AddressReasons } from "#agent/api/address-views.ts";
import type { Evaluation } from "#agent/api/policy-views.ts";
import type { Trace } from "#agent/api/trace-views.ts";
import type { StatusView } from "#agent/api/views.ts";
import { mustRun } from "#agent/local/command.ts";
import { curl, urlOf } from "#test/support/curl.ts";
import { dig } from "#test/support/dig.ts";
import { startDnsmasq } from "#test/support/dnsmasq.ts";
import { l7Policy } from "#test/support/l7-policy.ts";
import { startNginx } from "#test/support/nginx.ts";
import { Outside } from "#test/support/outside.ts";
import { sized } from "#test/support/size.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode();
const pods = usePods(node, ["dns", "client"]);
let outside: Outside;

/** Clients ask the pod and the world for names of one domain, and reach one name's addresses on port 80. */
const asks = 'toPorts: [{ports: [{port: "53", protocol: ANY}], rules: {dns: [{matchPattern: "*.example.com"}]}}]';
const policy = l7Policy({
  name: "client",
  app: "client",
  egress: [
    `{toEndpoints: [{matchLabels: {app: dns}}], ${asks}}`,
    `{toCIDR: [192.0.2.2/32, "2001:db8::2/128"], ${asks}}`,
    '{toFQDNs: [{matchName: web.example.com}, {matchPattern: "n*.example.com"}], toPorts: [{ports: [{port: "80", protocol: TCP}]}]}',
  ],
});
const many = sized({ short: 300, long: 10_000 });
const lines = [
  ...Array.from({ length: many }, (_, i) => `host-record=n${i}.example.com,198.18.${1 + (i >> 8)}.${i & 255}`),
  "host-record=web.example.com,198.18.0.1,fd18::1",
  "host-record=other.example.com,198.18.0.2",
  "host-record=web.example.org,198.18.0.3",
];

prepare(async () => {
  outside = await Outside.asDefaultRoute(node());
  const inside = (...args: string[]): Promise<string> => mustRun(outside.namespace.enter(["ip", ...args]));
  await inside("route", "add", "local", "198.18.0.0/16", "dev", "lo");
  await inside("-6", "route", "add", "local", "fd18::/64", "dev", "lo");
  const { lab } = node();
  await startDnsmasq({ lab, place: pods.dns.namespace, name: "dns-pod", lines });
  await startDnsmasq({ lab, place: outside.namespace, name: "dns-world", lines });
  await startNginx({ lab, place: outside.namespace, name: "web", ports: [80] });
  await node().changeObjects("client.yaml", policy);
});

/** Segments that the pod's stack has sent once more. */
async function retransmitted(): Promise<number> {
  const text = await mustRun(pods.client.namespace.enter(["cat", "/proc/net/snmp"]));
  const [names = [], values = []] = text
    .split("\n")
    .filter((line) => line.startsWith("Tcp:"))
    .map((line) => line.split(" "));
  return Number(values[names.indexOf("RetransSegs")]);
}

test("names that a rule names are answered by UDP and TCP, of a pod and of the world, others are refused", async () => {
  for (const server of [pods.dns.ipv4, pods.dns.ipv6, outside.ipv4, outside.ipv6]) {
    for (const way of ["+notcp", "+tcp"]) {
      const ask = (name: string) => dig(pods.client.namespace, server, name, way);
      expect(await ask("web.example.com")).toEqual({ status: "NOERROR", data: ["198.18.0.1"] });
      expect(await ask("web.example.org")).toEqual({ status: "REFUSED", data: [] });
    }
  }
  expect(await node().read<StatusView>("status")).toMatchObject({ state: "ok", problems: [] });
});

test("what an answer has said of a name that may be reached can be reached at once, and nothing else", async () => {
  const before = await retransmitted();
  const { data } = await dig(pods.client.namespace, pods.dns.ipv4, "web.example.com", "AAAA");
  expect(data).toEqual(["fd18::1"]);
  for (const address of ["fd18::1", "198.18.0.1"]) {
    expect((await curl(pods.client.namespace, urlOf(address))).status).toBe(200);
  }
  expect(await retransmitted()).toBe(before);
  await dig(pods.client.namespace, pods.dns.ipv4, "other.example.com");
  for (const address of ["198.18.0.2", "198.18.0.3"]) {
    expect((await curl(pods.client.namespace, urlOf(address), "-m", "1")).status).toBe(0);
  }
});

test("who asks for a verdict on such an address is told what the datapath does", async () => {
  const ends = ["--from", "default/client", "--to"];
  await dig(pods.client.namespace, pods.dns.ipv4, "web.example.com");
  const asked = await node().read<Evaluation>("policy", "eval", ...ends, "198.18.0.1", "--port", "80");
  expect(asked.verdict).toBe("allow");
  const { names, rules } = await node().read<AddressReasons>("why-unknown", "198.18.0.1");
  expect([names, rules]).toMatchObject([["web.example.com"], [{ name: "client", cidr: "web.example.com" }]]);
  expect(await node().read<Trace>("trace", ...ends, "198.18.0.1:80")).toMatchObject({
    verdict: "allow",
    differences: [],
  });
});

test(`${many} names that are asked for and called at once are all reached, and no first packet is lost`, async () => {
  const before = await retransmitted();
  const script = join(import.meta.dirname, "../support/resolve-and-connect.ts");
  const command = [process.execPath, script, pods.dns.ipv4, String(many)];
  const outcome = JSON.parse(await mustRun(pods.client.namespace.enter(command))) as object;
  expect(outcome).toEqual({ connected: many, problems: [] });
  expect(await retransmitted()).toBe(before);
});
