import { once } from "node:events";
import { connect } from "node:net";
import { type ServiceError, status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { addEvent, event } from "#test/agent/flows/fixture.ts";
import { accepted, codeOf, type HubbleClient } from "#test/support/hubble-client.ts";
import { HubbleFixture } from "./hubble-fixture.ts";

test.each<[filter: object, words: string]>([
  [{ source_ip: ["10.0.0.300"] }, "source_ip: 10.0.0.300 is neither an address nor a CIDR"],
  [{ destination_ip: ["10.0.0.0/33"] }, "destination_ip: 10.0.0.0/33 is neither"],
  [{ source_pod: [""] }, "source_pod: [NAMESPACE/]NAME-PREFIX is wanted"],
  [{ destination_pod: ["/"] }, "destination_pod: [NAMESPACE/]NAME-PREFIX is wanted"],
  [{ source_service: [""] }, "source_service: [NAMESPACE/]NAME-PREFIX is wanted"],
  [{ source_fqdn: ["a b"] }, "source_fqdn: a b is no pattern of domain names"],
  [{ destination_fqdn: ["a.."] }, "destination_fqdn: a.. is no pattern of domain names"],
  [{ source_port: ["65536"] }, "source_port: 65536 is no port"],
  [{ destination_port: ["-1"] }, "destination_port: -1 is no port"],
  [{ protocol: ["tcpx"] }, "protocol: tcpx is no protocol"],
  [{ protocol: ["constructor"] }, "protocol: constructor is no protocol"],
  [{ node_name: [""] }, "node_name:  is no [CLUSTER/]NODE"],
  [{ node_name: ["a/b/c"] }, "node_name: a/b/c is no [CLUSTER/]NODE"],
  [{ source_label: ["()"] }, "source_label: () is no label selector"],
  [{ destination_label: ["="] }, "destination_label: = is no label selector"],
  [{ source_label: ["a in b"] }, "is no label selector"],
  [{ source_label: ["a in (b"] }, "is no label selector"],
  [{ source_label: ["a,"] }, "is no label selector"],
  [{ source_label: ["a b"] }, "is no label selector"],
  [{ source_label: ["a constructor b"] }, "is no label selector"],
  [{ source_label: ["any:k8s:a"] }, "is no label selector"],
  [{ source_label: ["a > x"] }, "is no label selector"],
  [{ source_label: ["!"] }, "is no label selector"],
  [{ node_labels: [":"] }, "node_labels: : is no label selector"],
  [{ experimental: { cel_expression: ["true"] } }, "cel_expression: expressions are not understood"],
])("%j is refused, in either list", async (filter, words) => {
  await using hubble = await HubbleFixture.start();
  for (const list of ["whitelist", "blacklist"]) {
    const call = hubble.client.flows({ [list]: [{ source_ip: ["10.0.0.1"] }, filter] });
    await expect(call).rejects.toThrow(words);
    expect(await codeOf(call)).toBe("INVALID_ARGUMENT");
  }
});

test("too many filters, values and bytes", async () => {
  await using hubble = await HubbleFixture.start();
  const many = (count: number): object[] => Array.from({ length: count }, () => ({}));
  expect(await codeOf(hubble.client.flows({ whitelist: many(32), blacklist: many(32) }))).toBe("OK");
  expect(await codeOf(hubble.client.flows({ whitelist: many(33), blacklist: many(32) }))).toBe("INVALID_ARGUMENT");
  const ports = (count: number): object => ({ whitelist: [{ source_port: Array.from({ length: count }, () => "1") }] });
  expect(await codeOf(hubble.client.flows(ports(1024)))).toBe("OK");
  expect(await codeOf(hubble.client.flows(ports(1025)))).toBe("INVALID_ARGUMENT");
  const long = { whitelist: [{ source_label: ["a".repeat(70_000)] }] };
  expect(await codeOf(hubble.client.flows(long))).toBe("RESOURCE_EXHAUSTED");
  expect(hubble.warnings).toEqual([]);
});

test("patterns that are made to take long do not", async () => {
  await using hubble = await HubbleFixture.start();
  for (let i = 0; i < 1000; i++) addEvent(hubble.ring, event());
  const stars = "*a".repeat(20_000);
  expect(await hubble.client.flows({ whitelist: [{ node_name: [stars] }] })).toEqual([]);
  const selector = Array.from({ length: 1000 }, (_, i) => `!k${i}`).join(",");
  expect(await hubble.client.flows({ number: 1, whitelist: [{ source_label: [selector] }] })).toHaveLength(1);
});

test("of a thousand subscribers as many are served as there are places, which come back", async () => {
  await using hubble = await HubbleFixture.start();
  const clients: HubbleClient[] = Array.from({ length: 20 }, () => hubble.connect());
  const streams = clients.flatMap((client) =>
    Array.from({ length: 50 }, () => client.stream("observer.Observer/GetFlows", { follow: true })),
  );
  const answers = await Promise.all(streams.map((stream) => codeOf(accepted(stream))));
  expect(answers.filter((code) => code === "OK")).toHaveLength(64);
  expect(answers.filter((code) => code === "RESOURCE_EXHAUSTED")).toHaveLength(1000 - 64);
  // Others are answered meanwhile, and the ring goes on.
  addEvent(hubble.ring, event());
  expect(await hubble.client.ask("observer.Observer/ServerStatus")).toMatchObject({ seen_flows: "1" });
  for (const stream of streams) stream.cancel();
  await expect.poll(() => codeOf(hubble.client.flows())).toBe("OK");
  expect(hubble.warnings).toEqual([]);
});

test("more connections than there may be are closed, and those that end make room", async () => {
  await using hubble = await HubbleFixture.start();
  const sockets = Array.from({ length: 300 }, () => connect(hubble.socket).on("error", () => undefined));
  const closed = new Set<unknown>();
  for (const socket of sockets) socket.resume().once("close", () => closed.add(socket));
  await expect.poll(() => closed.size).toBe(300 - 256);
  for (const socket of sockets) socket.destroy();
  await expect.poll(() => codeOf(hubble.client.flows())).toBe("OK");
});

test("bytes that are no HTTP/2, and such that are no request, hurt nobody", async () => {
  await using hubble = await HubbleFixture.start();
  const socket = connect(hubble.socket).on("error", () => undefined);
  socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  await once(socket.resume(), "close");
  const garbage = hubble.client.raw("/observer.Observer/GetFlows", Buffer.from("ffffffffffffffffff", "hex"));
  expect(await codeOf(garbage.toArray())).toBe("INTERNAL");
  expect(await codeOf(hubble.client.raw("/observer.Observer/Nothing", Buffer.alloc(0)).toArray())).toBe(
    "UNIMPLEMENTED",
  );
  expect(await hubble.client.flows()).toEqual([]);
});

test("streams end with a word when the agent stops", async () => {
  await using hubble = await HubbleFixture.start();
  const stream = hubble.client.stream("observer.Observer/GetFlows", { follow: true });
  await accepted(stream);
  const end = stream.toArray().then(
    () => "no error",
    (error: ServiceError) => [error.code, error.details],
  );
  await hubble.stopServer();
  expect(await end).toEqual([status.UNAVAILABLE, "serve the call: the agent stops"]);
});
