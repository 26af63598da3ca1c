import { join } from "node:path";
import { expect, test } from "vitest";
import { mustRun } from "#agent/local/command.ts";
import { curl, urlOf } from "#test/support/curl.ts";
import type { GrpcOutcome, WebSocketOutcome } from "#test/support/echo-client.ts";
import { http, l7Policy } from "#test/support/l7-policy.ts";
import { LabProgram } from "#test/support/lab-program.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode();
const pods = usePods(node, ["web", "client"]);
const script = (name: string): string => join(import.meta.dirname, "../support", name);

const policy = l7Policy({
  name: "web",
  app: "web",
  ingress: [
    `{fromEndpoints: [{}], ${http(50_051, "{method: POST, path: /test.Echo/Say}")}}`,
    `{fromEndpoints: [{}], ${http(8080, "{method: GET, path: /chat}")}}`,
  ],
});

prepare(async () => {
  const { lab } = node();
  const command = [process.execPath, script("echo-services.ts"), "50051", "8080"];
  await LabProgram.start({ lab, place: pods.web.namespace, name: "echo", command, ports: [50_051, 8080] });
  await node().changeObjects("web.yaml", policy);
});

async function ask<T>(...args: string[]): Promise<T> {
  const command = [process.execPath, script("echo-client.ts"), ...args];
  return JSON.parse(await mustRun(pods.client.namespace.enter(command))) as T;
}

test("calls of a method that a rule names pass, others are denied by the status of gRPC", async () => {
  for (const target of [`${pods.web.ipv4}:50051`, `[${pods.web.ipv6}]:50051`]) {
    const allowed = await ask<GrpcOutcome[]>("grpc", target, "say", "20");
    expect(allowed).toEqual(Array.from({ length: 20 }, (_, i) => ({ content: `word ${i}` })));
    const [denied] = await ask<GrpcOutcome[]>("grpc", target, "shout", "1");
    expect(denied).toMatchObject({ status: 7 });
  }
});

test("a WebSocket comes to be where a rule allows its request, and carries whatever both send", async () => {
  const url = (path: string): string => urlOf(pods.web.ipv4, 8080, path, "ws");
  const chat = await ask<WebSocketOutcome>("websocket", url("/chat"), "200");
  expect(chat).toEqual({ echoed: Array.from({ length: 200 }, (_, i) => `word ${i}`) });
  expect(await ask<WebSocketOutcome>("websocket", url("/admin"), "1")).toEqual({
    error: "Unexpected server response: 403",
  });
});

test("HTTP/2 with prior knowledge is judged request by request", async () => {
  const http2 = (path: string) =>
    curl(pods.client.namespace, urlOf(pods.web.ipv4, 50_051, path), "--http2-prior-knowledge", "-X", "POST");
  expect((await http2("/test.Echo/Shout")).status).toBe(403);
  // The server knows no such call without its content type: that is its own answer.
  expect((await http2("/test.Echo/Say")).status).toBe(415);
});
