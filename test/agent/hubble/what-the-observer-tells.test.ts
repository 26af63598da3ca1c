import { existsSync, statSync } from "node:fs";
import { expect, test } from "vitest";
import { AddressFamily, EventType } from "#agent/datapath/layouts.gen.ts";
import { encodeAddress } from "#agent/datapath/address.ts";
import { version } from "#agent/api/version.ts";
import { addEvent, denial, event } from "#test/agent/flows/fixture.ts";
import {
  addRequest,
  answer,
  deniedRequest,
  dns,
  http,
  kafka,
  request,
  tls,
} from "#test/agent/flows/request-fixture.ts";
import { codeOf } from "#test/support/hubble-client.ts";
import { HubbleFixture } from "./hubble-fixture.ts";

const policy = (name: string) => ({
  name,
  namespace: "shop",
  labels: [
    "k8s:io.cilium.k8s.policy.derived-from=NetworkPolicy",
    `k8s:io.cilium.k8s.policy.name=${name}`,
    "k8s:io.cilium.k8s.policy.namespace=shop",
  ],
  revision: "41",
  kind: "NetworkPolicy",
});

test("a flow with all that is known of it", async () => {
  await using hubble = await HubbleFixture.start();
  addEvent(hubble.ring, event());
  const [response] = await hubble.client.responses();
  const time = { seconds: "1769860800", nanos: 1 };
  expect(response).toEqual({
    node_name: "n1",
    time,
    flow: {
      time,
      uuid: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      emitter: { name: "Weir", version },
      verdict: "FORWARDED",
      IP: { source: "10.0.0.7", destination: "10.0.0.8", ipVersion: "IPv4" },
      l4: { TCP: { source_port: 40_000, destination_port: 5432, flags: { SYN: true } } },
      source: {
        ID: 12,
        identity: 20481,
        namespace: "shop",
        labels: ["k8s:app=web", "k8s:io.kubernetes.pod.namespace=shop"],
        pod_name: "web-1",
      },
      destination: { ID: 13, identity: 20482, namespace: "shop", labels: ["k8s:app=db"], pod_name: "db-0" },
      Type: "L3_L4",
      node_name: "n1",
      event_type: { type: 5, sub_type: 0 },
      traffic_direction: "EGRESS",
      policy_match_type: 2,
      is_reply: { value: false },
      reply: false,
      interface: { index: 33, name: "weir33" },
      egress_allowed_by: [policy("web")],
      ingress_allowed_by: [policy("db")],
      Summary: "TCP Flags: SYN",
    },
  });
});

test("a drop has its reason by number, name and words, and the line that dropped it", async () => {
  await using hubble = await HubbleFixture.start();
  addEvent(hubble.ring, denial());
  // A reason of Weir's own.
  addEvent(hubble.ring, event({ type: EventType.DROP, reason: 230 }));
  expect(await hubble.client.flows()).toMatchObject([
    {
      verdict: "DROPPED",
      drop_reason: 133,
      drop_reason_desc: "POLICY_DENIED",
      ext_drop_reason_desc: "no rule allows it",
      event_type: { type: 5, sub_type: 0 },
      file: { name: "judge.h", line: 99 },
    },
    { drop_reason: 230, drop_reason_desc: "FRAGMENT_OVERLAP", event_type: { type: 1, sub_type: 230 } },
  ]);
});

test("requests are Hubble's messages of layer 7", async () => {
  await using hubble = await HubbleFixture.start();
  addRequest(hubble.ring, deniedRequest());
  addRequest(hubble.ring, answer({ ...dns, ips: ["192.0.2.1"], cnames: ["edge.example.net."], ttl: 60, rcode: 0 }));
  addRequest(hubble.ring, request({ content: kafka }));
  addRequest(hubble.ring, request({ verdict: "error", content: tls }));
  addRequest(hubble.ring, request({ content: { ...http, url: "\ud800" } }));
  const flows = await hubble.client.flows();
  expect(flows).toMatchObject([
    {
      verdict: "DROPPED",
      Type: "L7",
      drop_reason_desc: "POLICY_DENIED",
      ext_drop_reason_desc: "no rule allows the request",
      event_type: { type: 129, sub_type: 0 },
      l7: {
        type: "REQUEST",
        http: {
          code: 403,
          method: "GET",
          url: "http://db.shop/items?id=7",
          protocol: "HTTP/1.1",
          headers: [
            { key: "host", value: "db.shop" },
            { key: "authorization", value: "*" },
          ],
        },
      },
      ingress_denied_by: [{ name: "db" }],
      Summary: "HTTP/1.1 GET http://db.shop/items?id=7 403",
    },
    {
      is_reply: { value: true },
      l7: {
        type: "RESPONSE",
        latency_ns: "3000000",
        dns: {
          query: "api.example.com.",
          ips: ["192.0.2.1"],
          ttl: 60,
          cnames: ["edge.example.net."],
          observation_source: "proxy",
          qtypes: ["A"],
          rrtypes: ["CNAME", "A"],
        },
      },
    },
    { l7: { kafka: { api_version: 7, api_key: "produce", correlation_id: 42, topic: "orders,audit" } } },
    { verdict: "ERROR", l7: { type: "REQUEST" }, Summary: "TLS ClientHello api.example.com" },
    { l7: { http: { url: "\ufffd" } } },
  ]);
  expect(flows[0]).not.toHaveProperty("weir");
});

test.each([
  [{ protocol: 17 }, { UDP: { source_port: 40_000, destination_port: 5432 } }, "UDP"],
  [{ protocol: 132 }, { SCTP: { source_port: 40_000, destination_port: 5432 } }, "SCTP"],
  [{ protocol: 1, icmpType: 8 }, { ICMPv4: { type: 8, code: 0 } }, "ICMPv4 EchoRequest"],
  [{ protocol: 58, icmpType: 1, icmpCode: 3 }, { ICMPv6: { type: 1, code: 3 } }, "ICMPv6 type 1 code 3"],
  [{ protocol: 6, tcpFlags: 0x12 }, { TCP: { flags: { SYN: true, ACK: true } } }, "TCP Flags: SYN, ACK"],
  [{ protocol: 47 }, undefined, ""],
])("the summary of %j", async (changes, l4, summary) => {
  await using hubble = await HubbleFixture.start();
  addEvent(hubble.ring, event(changes));
  const [flow] = await hubble.client.flows();
  expect(flow?.["Summary"]).toBe(summary);
  if (l4) expect(flow?.["l4"]).toMatchObject(l4);
  else expect(flow).not.toHaveProperty("l4");
});

test("a reply, and IPv6", async () => {
  await using hubble = await HubbleFixture.start();
  const source = { bytes: encodeAddress("fd00::7").bytes };
  addEvent(hubble.ring, event({ isReply: 1, family: AddressFamily.IPV6, source }));
  const [flow] = await hubble.client.flows();
  expect(flow).toMatchObject({ is_reply: { value: true }, IP: { source: "fd00::7", ipVersion: "IPv6" } });
});

test("what the server says of itself and of its node", async () => {
  await using hubble = await HubbleFixture.start({ capacity: 2 });
  const now = process.hrtime.bigint();
  for (let i = 0; i < 3; i++) addEvent(hubble.ring, event({ time: now }));
  const counts = {
    num_flows: "2",
    max_flows: "2",
    seen_flows: "3",
    uptime_ns: expect.stringMatching(/^\d+$/) as string,
  };
  expect(await hubble.client.ask("observer.Observer/ServerStatus")).toMatchObject({
    ...counts,
    version: `weir ${version}`,
    num_connected_nodes: { value: 1 },
    num_unavailable_nodes: { value: 0 },
  });
  const address = `unix://${hubble.socket}`;
  expect(await hubble.client.ask("observer.Observer/GetNodes")).toEqual({
    nodes: [
      { name: "n1", version: `weir ${version}`, address, state: "NODE_CONNECTED", tls: { enabled: false }, ...counts },
    ],
  });
});

test("there are no events for debugging: who asks gets none, and who follows waits", async () => {
  await using hubble = await HubbleFixture.start();
  expect(await hubble.client.stream("observer.Observer/GetDebugEvents").toArray()).toEqual([]);
  const stream = hubble.client.stream("observer.Observer/GetDebugEvents", { follow: true });
  const ended = codeOf(stream.toArray());
  await hubble.stopServer();
  expect(await ended).toBe("UNAVAILABLE");
});

test("a peer is told of at once, and its stream stays", async () => {
  await using hubble = await HubbleFixture.start();
  const stream = hubble.client.stream("peer.Peer/Notify");
  const peers = stream[Symbol.asyncIterator]();
  expect((await peers.next()).value).toEqual({ name: "n1", address: `unix://${hubble.socket}`, type: "PEER_ADDED" });
  const next = codeOf(peers.next());
  await hubble.stopServer();
  expect(await next).toBe("UNAVAILABLE");
});

test("health, as gRPC asks for it", async () => {
  await using hubble = await HubbleFixture.start();
  const check = (service: string) => hubble.client.ask("grpc.health.v1.Health/Check", { service });
  for (const service of ["", "observer.Observer", "peer.Peer"]) {
    expect([service, await check(service)]).toEqual([service, { status: "SERVING" }]);
  }
  expect(await codeOf(check("nobody"))).toBe("NOT_FOUND");
  const watch = hubble.client.stream("grpc.health.v1.Health/Watch", { service: "nobody" });
  expect((await watch[Symbol.asyncIterator]().next()).value).toEqual({ status: "SERVICE_UNKNOWN" });
});

test("only root and the group may open the socket, and it goes with the agent", async () => {
  await using hubble = await HubbleFixture.start();
  expect(statSync(hubble.socket).mode & 0o777).toBe(0o660);
  await hubble.stopServer();
  expect(existsSync(hubble.socket)).toBe(false);
});
