/** A worker of a proxy under test: the real one, with a world of the test's making in place of the kernel's. */
import { readFileSync } from "node:fs";
import { tupleOf } from "#agent/proxy/connection-server.ts";
import { toldValue } from "#agent/proxy/header-values.ts";
import type { Handler } from "#agent/proxy/proxied-connection.ts";
import { recordEnds } from "#agent/proxy/request-record.ts";
import { serveUnread } from "#test/support/proxy/unserved.ts";
import { runWorker } from "#agent/proxy/worker.ts";
import type { World } from "./world.ts";

const path = process.env["WEIR_TEST_WORLD"] ?? "";
const world = (): World => JSON.parse(readFileSync(path, "utf8")) as World;

/** Answers each chunk with the rules that count for it, and tells of it. "die" ends the worker, "fail" the handler. */
const answerWithRules: Handler = (connection) => {
  const { client, tuple } = connection;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  client.on("data", (chunk: Buffer) => {
    const text = chunk.toString();
    if (text.includes("throw")) setImmediate(() => JSON.parse("no JSON"));
    if (text.includes("fail")) return reject(new Error("the handler fails"));
    const current = connection.rules();
    if (current === null) return void client.destroy();
    const rules = current.ends.flatMap(({ rules }) => rules.map(({ description }) => description));
    connection.tell({
      time: "1",
      tuple,
      ...recordEnds(current.judgement),
      verdict: "forwarded",
      rules,
      deniedBy: null,
      kind: "request",
      latency: null,
      content: {
        family: "http",
        method: "GET",
        url: text,
        protocol: "HTTP/1.1",
        code: 0,
        headers: [{ key: "X-Tenant", value: toldValue("x-tenant", "blue", connection.shownHeaders) }],
      },
    });
    client.write(`${process.pid} ${rules.map(({ name }) => name).join(",")}\n`);
    if (connection.draining.aborted) client.end();
  });
  client.on("end", () => client.end()).on("close", () => resolve());
  client.resume();
  return promise;
};

await runWorker({
  judgements: { of: () => world().judgement },
  tupleOf: (client) => {
    const tuple = tupleOf(client);
    return tuple && { ...tuple, ...world().tuple };
  },
  handlers: () => ({
    http1: answerWithRules,
    http2: serveUnread,
    tls: serveUnread,
    kafka: serveUnread,
    dns: serveUnread,
  }),
});
