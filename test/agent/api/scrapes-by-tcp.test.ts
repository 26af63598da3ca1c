import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { scrapeRoutes } from "#agent/api/routes/metrics.ts";
import { pacedScrapes } from "#agent/api/scrape-pace.ts";
import { ApiServer, scrapeLimits } from "#agent/api/server.ts";
import { ApiFixture } from "./api-fixture.ts";
import { fakePorts } from "./fake-ports.ts";
import { freePort } from "#test/support/free-port.ts";

const stack = new AsyncDisposableStack();
let port = 0;
const limits = { ...scrapeLimits, headers: 300, request: 300, check: 50 };
const listen = (on: { host: string; port: number }): Promise<ApiServer> =>
  ApiServer.listen({ ...on, option: "--metrics-address" }, scrapeRoutes, fakePorts(), { warn: () => {} }, limits);

beforeAll(async () => {
  port = await freePort();
  stack.use(await listen({ host: "127.0.0.1", port }));
});
afterAll(() => stack.disposeAsync());

test("metrics are there as Prometheus asks for them", async () => {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { accept: "text/plain" } });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(await answer.text()).toContain("\nweir_policy_revision 41\n");
});

test("nothing else is, and nothing can be changed", async () => {
  const ask = async (path: string, method = "GET") =>
    (await fetch(`http://127.0.0.1:${port}${path}`, { method, ...(method === "POST" ? { body: "{}" } : {}) })).status;
  expect(await ask("/v1/status")).toBe(404);
  expect(await ask("/v1/metrics")).toBe(404);
  expect(await ask("/v1/cni", "POST")).toBe(404);
  expect(await ask("/v1/config", "PATCH")).toBe(404);
  expect(await ask("/")).toBe(404);
  for (const method of ["POST", "PATCH", "DELETE"]) expect(await ask("/metrics", method)).toBe(405);
  expect(await ask("/metrics?token=x")).toBe(400);
});

test("callers who say nothing do not keep others away for good", async () => {
  const idle = Array.from({ length: scrapeLimits.connections + 8 }, () => connect(port, "127.0.0.1"));
  // The ones too many are reset.
  const closed = idle.map((socket) => new Promise((resolve) => socket.on("error", () => {}).once("close", resolve)));
  for (const socket of idle) socket.resume();
  await Promise.all(closed);
  expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(200);
});

test("whoever asks within a second gets what was scraped for the first, and an error is nobody else's", async () => {
  let [now, scrapes] = [0, 0];
  const scrape = async (): Promise<string> => {
    if (++scrapes === 3) throw new Error("broken");
    return `scrape ${scrapes}`;
  };
  const paced = pacedScrapes({ text: scrape }, () => now);
  expect([await paced.text(), await paced.text()]).toEqual(["scrape 1", "scrape 1"]);
  now = 999;
  expect(await paced.text()).toBe("scrape 1");
  now = 1000;
  expect(await Promise.all([paced.text(), paced.text()])).toEqual(["scrape 2", "scrape 2"]);
  now = 2000;
  await expect(paced.text()).rejects.toThrow("broken");
  expect(await paced.text()).toBe("scrape 4");
});

test("an address that cannot be had is told with the option that named it", async () => {
  await expect(listen({ host: "127.0.0.1", port })).rejects.toThrow(
    /^listen on 127\.0\.0\.1:\d+: .*EADDRINUSE.*; use another --metrics-address, or none$/,
  );
  await expect(listen({ host: "2001:db8::1", port: 9964 })).rejects.toThrow(
    /^listen on \[2001:db8::1\]:9964: .*EADDRNOTAVAIL/,
  );
});

test("the Unix socket has metrics as text, too", async () => {
  await using api = await ApiFixture.start();
  expect(await api.request("GET", "/metrics")).toEqual({
    status: 200,
    body: expect.stringContaining("\nweir_policy_revision 41\n") as string,
  });
  expect(api.served).toEqual([
    { method: "GET", route: "/metrics", status: 200, pool: "call", seconds: expect.any(Number) as number },
  ]);
});
