import { once } from "node:events";
import { createServer } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { consul as kind } from "./kinds.ts";
import { serverCases } from "./server-cases.ts";
import { storeCases } from "./store-cases.ts";
import { freshPrefix, openClient, useStoreServer } from "./use-store-server.ts";

const server = useStoreServer(kind.server);
let shared = "";

storeCases({
  kind: "consul",
  open: async () => {
    shared = freshPrefix();
    return openClient(kind, { addresses: [server().address], prefix: shared });
  },
  join: async () => openClient(kind, { addresses: [server().address], prefix: shared }),
});

serverCases(kind);

test("a watch gives a new snapshot when Consul's data has been replaced by that of earlier", async () => {
  const indexes = [8, 7];
  const answers = createServer((request, response) => {
    const isWatch = request.url?.includes("/w/") === true;
    // The next change never comes.
    if (isWatch && request.url?.includes("index=7") === true) return;
    const index = isWatch ? (indexes.shift() ?? 7) : 1;
    response.writeHead(200, { "x-consul-index": String(index) });
    response.end(request.method === "PUT" ? '{"ID":"s1"}' : "[]");
  });
  await once(answers.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => answers.closeAllConnections());
  const { port } = answers.address() as { port: number };
  await using store = openClient(kind, { addresses: [`http://127.0.0.1:${port}`] });
  const stop = new AbortController();
  const watch = store.watch("w/", stop.signal)[Symbol.asyncIterator]();
  expect((await watch.next()).value).toEqual({ type: "snapshot", entries: [] });
  expect((await watch.next()).value).toEqual({ type: "snapshot", entries: [] });
  stop.abort();
  answers.close();
});
