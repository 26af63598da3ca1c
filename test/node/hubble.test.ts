import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runCommand } from "#agent/local/command.ts";
import { until } from "#agent/local/until.ts";
import { root } from "#test/architecture/source-tree.ts";
import { type Certificate, CertificateAuthority } from "#test/support/certificates.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { accepted, codeOf, HubbleClient, type Message } from "#test/support/hubble-client.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const folder = new TemporaryFolder();
afterAll(() => folder[Symbol.dispose]());
const authority = new CertificateAuthority(folder.path, "authority");
const own = authority.sign("node", "DNS:node,IP:127.0.0.1");
const reader = authority.sign("reader");
const impostor = new CertificateAuthority(folder.path, "stranger").sign("impostor");
const address = "127.0.0.1:4244";

const node = useNode({
  objects: { "closed.yaml": networkPolicy({ name: "closed", selects: { app: "closed" }, ingress: [] }) },
  args: [
    // Which flows there are depends on no clock.
    "--trace-interval",
    "0s",
    "--hubble-address",
    address,
    "--hubble-cert",
    own.certificate,
    "--hubble-key",
    own.key,
    "--hubble-ca",
    authority.certificate,
  ],
});
const pods = usePods(node, ["open", "closed", "client", "far"], { far: { namespace: "away" } });
let client: HubbleClient;
let started: { readonly seconds: string; readonly nanos: number };

prepare(async () => {
  client = new HubbleClient(`unix:${join(node().runDir, "hubble.sock")}`);
  await pods.open.traffic.serve("TCP", 80);
  await pods.open.traffic.serve("UDP", 53);
  await expectTraffic(pods.client, pods.open, 80, "answered");
  await expectTraffic(pods.client, pods.closed, 80, "silent");
  const now = Date.now();
  started = { seconds: String(Math.floor(now / 1000)), nanos: (now % 1000) * 1_000_000 };
  await expectTraffic(pods.far, pods.open, 53, "answered", { protocol: "UDP" });
  await expectTraffic(pods.far, pods.open.ipv6, 80, "answered");
  // Events come a moment after their packets.
  await until("all flows", async () => new Set((await client.flows()).map(text)).size === 4);
});
afterAll(() => client[Symbol.dispose]());

interface End {
  readonly namespace: string;
  readonly pod_name: string;
}

function text(flow: Message): string {
  const { verdict, source, destination, l4 } = flow as Record<string, unknown> & {
    readonly source: End;
    readonly destination: End;
    readonly l4: Readonly<Record<string, { readonly destination_port: number }>>;
  };
  const [[protocol, layer]] = Object.entries(l4) as [[string, { readonly destination_port: number }]];
  const ends = [source, destination].map((end) => `${end.namespace}/${end.pod_name}`);
  return [verdict, ...ends, protocol, layer.destination_port].join(" ");
}

const web = "FORWARDED default/client default/open TCP 80";
const denied = "DROPPED default/client default/closed TCP 80";
const names = "FORWARDED away/far default/open UDP 53";
const web6 = "FORWARDED away/far default/open TCP 80";

test.for<[request: () => object, wanted: readonly string[]]>([
  [() => ({}), [web, denied, names, web6]],
  [() => ({ whitelist: [{ verdict: ["DROPPED"] }] }), [denied]],
  [() => ({ blacklist: [{ verdict: ["DROPPED"] }] }), [web, names, web6]],
  [() => ({ whitelist: [{ drop_reason_desc: ["POLICY_DENIED"] }] }), [denied]],
  [() => ({ whitelist: [{ source_pod: ["cli"] }] }), [web, denied]],
  [() => ({ whitelist: [{ source_pod: ["away/"] }] }), [names, web6]],
  [() => ({ whitelist: [{ destination_pod: ["/o"] }], blacklist: [{ ip_version: ["IPv6"] }] }), [web, names]],
  [
    () => ({ whitelist: [{ destination_label: ["k8s:app=closed"] }, { source_label: ["app in (far)"] }] }),
    [denied, names, web6],
  ],
  [() => ({ whitelist: [{ destination_port: ["53"] }] }), [names]],
  [() => ({ whitelist: [{ protocol: ["tcp"], source_pod: ["away/far"] }] }), [web6]],
  [() => ({ whitelist: [{ destination_ip: [pods.closed.ipv4] }] }), [denied]],
  [() => ({ whitelist: [{ source_ip: ["fd00:77::/64"] }] }), [web6]],
  [() => ({ whitelist: [{ event_type: [{ type: 5 }], reply: [false], traffic_direction: ["INGRESS"] }] }), [denied]],
  [() => ({ whitelist: [{ event_type: [{ type: 1 }] }] }), [denied]],
  [() => ({ whitelist: [{ event_type: [{ type: 4 }] }] }), [web, names, web6]],
  [() => ({ whitelist: [{ tcp_flags: [{ SYN: true }], node_name: ["no*"] }] }), [web, denied, web6]],
  [() => ({ since: started }), [names, web6]],
  [() => ({ until: started }), [web, denied]],
  [() => ({ whitelist: [{ http_status_code: ["200"] }] }), []],
])("GetFlows, case %#", async ([request, wanted]) => {
  const seen = new Set((await client.flows(request())).map(text));
  expect([request(), [...seen].toSorted()]).toEqual([request(), wanted.toSorted()]);
});

test("identities are those of the endpoints, and a flow can be asked for by its name", async () => {
  const endpoints = await node().client.endpoints();
  const identity = endpoints.find(({ pod }) => pod === "closed")?.identity;
  const [flow] = await client.flows({ whitelist: [{ destination_identity: [identity] }] });
  expect(text(flow ?? {})).toBe(denied);
  expect(await client.flows({ whitelist: [{ uuid: [flow?.["uuid"]] }] })).toEqual([flow]);
});

test("the oldest and the newest are those of `weir observe`", async () => {
  const lines = (await node().weir("observe", "-o", "json")).stdout.trim().split("\n");
  const uuids = lines.map((line) => (JSON.parse(line) as { uuid: string }).uuid);
  const ask = async (request: object) => (await client.flows(request)).map(({ uuid }) => uuid);
  expect(await ask({ number: 2 })).toEqual(uuids.slice(-2));
  expect(await ask({ number: 2, first: true })).toEqual(uuids.slice(0, 2));
});

test("who follows is told of what comes", async () => {
  const stream = client.stream("observer.Observer/GetFlows", {
    follow: true,
    whitelist: [{ destination_port: ["81"] }],
  });
  await accepted(stream);
  const next = stream[Symbol.asyncIterator]().next();
  await expectTraffic(pods.client, pods.open, 81, "refused");
  const { value } = await next;
  expect(text((value as { flow: Message }).flow)).toBe("FORWARDED default/client default/open TCP 81");
  stream.cancel();
});

test("status, namespaces, node and peer", async () => {
  const status = await client.ask("observer.Observer/ServerStatus");
  expect(Number(status["seen_flows"])).toBeGreaterThanOrEqual(4);
  expect(Number(status["flows_rate"])).toBeGreaterThan(0);
  const namespaces = ["away", "default"].map((namespace) => ({ cluster: "default", namespace }));
  expect(await client.ask("observer.Observer/GetNamespaces")).toEqual({ namespaces });
  const tls = { server_name: "node" };
  expect(await client.ask("observer.Observer/GetNodes")).toMatchObject({
    nodes: [{ name: "node", address, state: "NODE_CONNECTED", tls: { enabled: true, ...tls } }],
  });
  const peers = client.stream("peer.Peer/Notify")[Symbol.asyncIterator]();
  expect((await peers.next()).value).toEqual({ name: "node", address, type: "PEER_ADDED", tls });
});

test("what the agent has done: its start, the policy, each pod that came and its addresses", async () => {
  const messages = (await client.stream("observer.Observer/GetAgentEvents").toArray()) as Message[];
  const events = messages.map((message) => message["agent_event"] as Message);
  expect(events[0]?.["type"]).toBe("AGENT_STARTED");
  const of = (type: string, part: string) =>
    events.filter((event) => event["type"] === type).map((event) => event[part] as Message);
  const created = of("ENDPOINT_CREATED", "endpoint_update").map((update) => update["pod_name"]);
  expect(created).toEqual(["open", "closed", "client", "far"]);
  expect(of("POLICY_UPDATED", "policy_update").flatMap((update) => update["labels"])).toContain(
    "k8s:io.cilium.k8s.policy.name=closed",
  );
  const addresses = of("IPCACHE_UPSERTED", "ipcache_update").map((update) => update["cidr"]);
  expect(addresses).toEqual(expect.arrayContaining([`${pods.open.ipv4}/32`, `${pods.far.ipv4}/32`]));
});

test("from other machines only whom the CA knows, with TLS", async () => {
  const script = join(root, "test/support/hubble-reader.ts");
  const read = async (as?: Certificate): Promise<string[]> => {
    const files = as === undefined ? [] : [as.certificate, as.key];
    const command = node().namespace.enter([process.execPath, script, address, authority.certificate, ...files]);
    return (await runCommand(command)).stdout.trim().split("\n");
  };
  const [code, ...flows] = await read(reader);
  expect([code, new Set(flows.map((line) => text(JSON.parse(line) as Message))).size]).toEqual(["OK", 5]);
  expect(await read()).toEqual(["UNAVAILABLE"]);
  expect(await read(impostor)).toEqual(["UNAVAILABLE"]);
});

test("a thousand subscribers that do not read leave the agent its memory and its answers", async () => {
  const memory = (): number =>
    Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${node().agent.pid}/status`, "utf8"))?.[1]) / 1024;
  const before = memory();
  const clients = Array.from({ length: 20 }, () => new HubbleClient(`unix:${join(node().runDir, "hubble.sock")}`));
  const streams = clients.flatMap((one) =>
    Array.from({ length: 50 }, () => one.stream("observer.Observer/GetFlows", { follow: true, number: 10_000 })),
  );
  const codes = await Promise.all(streams.map((stream) => codeOf(accepted(stream))));
  expect(codes.filter((code) => code === "OK")).toHaveLength(64);
  for (let port = 1000; port < 1100; port++) await expectTraffic(pods.client, pods.open, port, "refused");
  expect((await node().weir("status")).code).toBe(0);
  expect(memory() - before).toBeLessThan(150);
  for (const stream of streams) stream.cancel();
  for (const one of clients) one[Symbol.dispose]();
});
