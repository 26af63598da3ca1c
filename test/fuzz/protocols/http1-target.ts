import { METHODS, createServer } from "node:http";
import { serveHttp1 } from "#agent/proxy/http1/serve.ts";
import { httpEnds } from "#test/support/fake-proxy.ts";
import { type ProtocolTarget, describe } from "./protocol-target.ts";

const lines = (...text: readonly string[]): Buffer => Buffer.from(text.join("\r\n"), "latin1");

/** Whatever `node:http` reads at the server has to be what a rule allows. */
export const http1: ProtocolTarget = {
  handler: (connection) => serveHttp1(connection),
  ends: httpEnds({ path: "/public.*" }),
  seeds: [
    lines("GET /public HTTP/1.1", "Host: web", "", ""),
    lines("GET /secret HTTP/1.1", "Host: web", "", "", "GET /public/2 HTTP/1.1", "Host: web", "", ""),
    lines("POST /public HTTP/1.1", "Host: web", "Content-Length: 5", "", "hello"),
    lines(
      "POST /public HTTP/1.1",
      "Host: web",
      "Transfer-Encoding: chunked",
      "",
      "5",
      "hello",
      "0",
      "X-Sum: 1",
      "",
      "",
    ),
    lines("PUT /secret HTTP/1.1", "Host: web", "Transfer-Encoding: chunked", "", "3;a=b", "abc", "0", "", ""),
    lines("GET http://web/public HTTP/1.1", "Host: web", "Connection: close", "", ""),
    lines("GET /public HTTP/1.0", "Connection: keep-alive", "", "", "HEAD /public HTTP/1.1", "Host: a", "", ""),
    lines(
      "GET /public HTTP/1.1",
      "Host: web",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "",
      "GET /secret HTTP/1.1",
      "",
    ),
    lines("POST /public HTTP/1.1", "Host: web", "Expect: 100-continue", "Content-Length: 3", "", "abc"),
  ],
  tokens: [
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    " ",
    "\t",
    ":",
    "Content-Length: 3\r\n",
    "Content-Length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: identity, chunked\r\n",
    "Connection: close\r\n",
    "Host: other\r\n",
    " folded\r\n",
    "0\r\n\r\n",
    "ffffffffffffffff\r\n",
    "%2e%2e/",
    "/../",
    "//",
    "\0",
    "HTTP/1.1",
    "HTTP/1.0",
    "HTTP/2.0",
    "GET /secret HTTP/1.1\r\nHost: web\r\n\r\n",
    "chunked",
    "+",
    "0x",
  ].map((token) => Buffer.from(token, "latin1")),
  serve(socket, understood) {
    const server = createServer((request, response) => {
      const line = `${request.method} ${request.url} ${request.headers.host ?? ""}`;
      let body = "";
      request.setEncoding("latin1").on("data", (text: string) => (body += text));
      request.on("end", () => {
        understood.push(`${line} ${JSON.stringify(body)}`);
        response.end("fine");
      });
      request.on("error", () => {});
    });
    server.on("clientError", (error: Error) => {
      if (!/aborted|ECONNRESET|method/.test(error.message)) understood.push(`unreadable: ${error.message}`);
      socket.destroy();
    });
    server.on("upgrade", (request) => {
      understood.push(`${request.method} ${request.url} upgrade`);
      socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
    server.emit("connection", socket);
  },
  // What follows a request whose method `node:http` does not know depends on when it says so.
  decided({ records, understood }) {
    const strange = records.findIndex(
      ({ verdict, content }) =>
        verdict === "forwarded" && content.family === "http" && !METHODS.includes(content.method),
    );
    return strange < 0 ? [...records.map(describe), ...understood] : records.slice(0, strange).map(describe);
  },
  fault({ understood, records }) {
    const forbidden = understood.find((line) => !/^[A-Z-]+ \/public[^ ]* /i.test(line));
    if (forbidden !== undefined) return `the server understands ${forbidden}`;
    const allowed = records.filter(({ kind, verdict }) => kind === "request" && verdict === "forwarded");
    return understood.length > allowed.length ? "the server understands more requests than were judged" : null;
  },
};
