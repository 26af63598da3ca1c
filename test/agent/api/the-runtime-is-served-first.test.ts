import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import type { CniPort } from "#agent/api/ports.ts";
import { until } from "#agent/local/until.ts";
import { ApiFixture, codeOf } from "./api-fixture.ts";
import { denial } from "./fake-views.ts";

const mebibyte = 1 << 20;
const call = JSON.stringify({
  plugin: "weir-cni",
  command: "STATUS",
  token: "0123456789abcdef",
  containerId: "",
  ifName: "",
  netns: "",
  args: {},
  config: { cniVersion: "1.1.0", name: "weir" },
});
const question = JSON.stringify({ from: "shop/web-1", to: "1.1.1.1", protocol: "TCP", port: 53 });

/** Begins a request whose body does not end. */
function begin(path: string, socket: string, bytes: number): Socket {
  const connection = connect(socket);
  connection.on("error", () => undefined);
  connection.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes + 1}\r\n\r\n`);
  connection.write(Buffer.alloc(bytes, 0x20));
  return connection;
}

test("its socket is root's alone, and has its calls alone", async () => {
  await using api = await ApiFixture.start();
  expect(statSync(`${api.runDir}/cni.sock`).mode & 0o777).toBe(0o600);
  expect((await api.request("POST", "/v1/cni", call, "cni.sock")).status).toBe(200);
  expect((await api.request("GET", "/v1/status", undefined, "cni.sock")).status).toBe(404);
});

test("its calls have places of their own", async () => {
  await using api = await ApiFixture.start({}, { pools: { cni: 1 } });
  const refused = await api.request("GET", "/v1/status");
  expect([refused.status, codeOf(refused.body)]).toEqual([503, "busy"]);
  expect((await api.request("POST", "/v1/cni", call)).status).toBe(200);
});

test("large bodies of others leave room for theirs", async () => {
  await using api = await ApiFixture.start();
  const connections = Array.from({ length: 4 }, () => begin("/v1/evaluate", api.socket, 8 * mebibyte - 1));
  await until("a body to be refused", async () => {
    const { status, body } = await api.request("POST", "/v1/evaluate", question);
    return status === 503 && body.includes("too many large bodies come at the time; try again");
  });
  expect((await api.request("POST", "/v1/cni", call)).status).toBe(200);
  for (const connection of connections) connection.destroy();
  await until(
    "the room to be there again",
    async () => (await api.request("POST", "/v1/evaluate", question)).status === 200,
  );
});

test("however much other work is there, a call comes between two pieces of it", async () => {
  const order: string[] = [];
  const evaluate = (): { ok: true; evaluation: typeof denial } => {
    order.push("other");
    return { ok: true, evaluation: denial };
  };
  const cni: CniPort = {
    call: async () => {
      order.push("cni");
      return { output: null, exitCode: 0 };
    },
  };
  await using api = await ApiFixture.start({ evaluations: { evaluate }, cni });
  const connections = await Promise.all(Array.from({ length: 101 }, () => connected(api.socket)));
  // All at once, the call last: the next round of the event loop finds all of them.
  for (const [index, connection] of connections.entries()) {
    const [path, body] = index < 100 ? ["/v1/evaluate", question] : ["/v1/cni", call];
    connection.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  }
  await until("all requests", () => order.length === 101);
  expect(order.indexOf("cni")).toBeLessThan(50);
  for (const connection of connections) connection.destroy();
});

/** A connection that the server has taken: it has answered once. */
async function connected(socket: string): Promise<Socket> {
  const connection = connect(socket);
  connection.write("GET /v1/status HTTP/1.1\r\nHost: a\r\n\r\n");
  await once(connection, "data");
  return connection.resume();
}

test("a process gets a quarter of the connections, and another one is served", async () => {
  await using api = await ApiFixture.start({}, { connections: 8 });
  const idle = [connect(api.socket), connect(api.socket)];
  await until("a connection to be closed", () =>
    api.request("GET", "/v1/status").then(
      () => false,
      () => true,
    ),
  );
  expect(api.warnings).toEqual([expect.stringContaining(`process ${process.pid} (uid 0) has 2 already; it is closed`)]);
  const script = `require("node:http").get({ socketPath: ${JSON.stringify(api.socket)}, path: "/v1/status", agent: false }, ({ statusCode }) => process.stdout.write(String(statusCode)))`;
  expect((await promisify(execFile)(process.execPath, ["--eval", script])).stdout).toBe("200");
  for (const socket of idle) socket.destroy();
  await until("its share to be free again", () =>
    api.request("GET", "/v1/status").then(
      ({ status }) => status === 200,
      () => false,
    ),
  );
});

test("of a thousand requests in one connection each is answered, up to one that finds no place", async () => {
  await using api = await ApiFixture.start({}, { pools: { call: 16 } });
  const socket = connect(api.socket);
  const request = "GET /v1/policies/revision HTTP/1.1\r\nHost: a\r\n\r\n";
  socket.write(request.repeat(999) + request.replace("Host", "Connection: close\r\nHost"));
  socket.on("error", () => undefined);
  let text = "";
  for await (const piece of socket.setEncoding("latin1")) text += String(piece);
  const statuses = [...text.matchAll(/HTTP\/1.1 (\d+) /g)].map(([, status]) => status);
  expect(statuses.filter((status) => status !== "200" && status !== "503")).toEqual([]);
  expect(statuses.length === 1_000 || statuses.at(-1) === "503").toBe(true);
  expect((await api.client.status()).state).toBe("ok");
});
