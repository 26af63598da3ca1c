import { once } from "node:events";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { serveApi } from "#agent/api/server.ts";
import { ApiClient } from "#agent/api/client.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { ApiFixture, collect } from "./api-fixture.ts";
import { fakePorts } from "./fake-ports.ts";

const ignore = (): void => undefined;

test("only root and the group may open it, and it goes with the agent", async () => {
  const api = await ApiFixture.start();
  expect(statSync(api.socket).mode & 0o777).toBe(0o660);
  await api[Symbol.asyncDispose]();
  expect(existsSync(api.socket)).toBe(false);
});

test("the socket of a killed agent is replaced", async () => {
  using folder = new TemporaryFolder();
  const path = folder.join("agent.sock");
  const killed = createServer().listen(path);
  await once(killed, "listening");
  await using _stack = await serveApi({ runDir: folder.path, metricsAddress: null }, fakePorts(), { warn: ignore });
  expect((await new ApiClient(path).status()).node).toBe("n1");
  killed.close();
});

test("a file that is no socket is left alone", async () => {
  using folder = new TemporaryFolder();
  writeFileSync(folder.join("agent.sock"), "mine");
  await expect(serveApi({ runDir: folder.path, metricsAddress: null }, fakePorts(), { warn: ignore })).rejects.toThrow(
    /is not a socket/,
  );
});

test("a path that is too long is told before anything happens", async () => {
  using folder = new TemporaryFolder();
  await expect(
    serveApi({ runDir: folder.join("x".repeat(100)), metricsAddress: null }, fakePorts(), { warn: ignore }),
  ).rejects.toThrow(/use a shorter --run-dir/);
});

test("the observers' socket has flows and nothing else", async () => {
  using folder = new TemporaryFolder();
  await using _stack = await serveApi({ runDir: folder.path, metricsAddress: null }, fakePorts(), { warn: ignore });
  const observer = new ApiClient(folder.join("observe.sock"));
  expect(await collect(observer.flows({}))).toHaveLength(1);
  await expect(observer.status()).rejects.toThrow(/there is no such path/);
  await expect(observer.deletePolicy("NetworkPolicy/shop/web")).rejects.toThrow(/there is no such path/);
});
