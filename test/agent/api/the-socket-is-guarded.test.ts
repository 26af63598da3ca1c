import { once } from "node:events";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { allRoutes } from "#agent/api/routes.ts";
import { socketGroups } from "#agent/api/socket-groups.ts";
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

test("the observers' socket shows everything and changes nothing", async () => {
  await using api = await ApiFixture.start();
  const observer = new ApiClient(`${api.runDir}/observe.sock`);
  expect(await collect(observer.flows({}))).toHaveLength(1);
  expect((await observer.status()).node).toBe("n1");
  expect((await observer.verifyPolicy({})).state).toBe("different");
  const words =
    /nothing can be changed on observe.sock; use agent.sock, which is for root and members of the group weir/;
  await expect(observer.deletePolicy("NetworkPolicy/shop/web")).rejects.toThrow(words);
  await expect(observer.applyPolicy({ text: "kind: X", file: "x.yaml" })).rejects.toThrow(words);
  await expect(observer.changeConfig({})).rejects.toMatchObject({ kind: "forbidden", code: "forbidden" });
  expect(api.changed).toEqual([]);
});

test("who only looks may ask about an ordinary body's worth of objects", async () => {
  await using api = await ApiFixture.start();
  const document = { text: `# ${"x".repeat(2 << 20)}`, file: "x.yaml" };
  const ask = async (socket: string) =>
    (await api.request("POST", "/v1/policies/validate", JSON.stringify(document), socket)).status;
  expect([await ask("agent.sock"), await ask("observe.sock")]).toEqual([200, 413]);
});

test.each(allRoutes.map((route) => [`${route.method} ${route.path}`, route] as const))(
  "observe.sock refuses %s if, and only if, it changes anything",
  async (_, { method, path, changes }) => {
    await using api = await ApiFixture.start();
    const { status } = await api.request(method, path, undefined, "observe.sock");
    expect(status === 403).toBe(changes);
  },
);

test("groups are read from the file of groups", () => {
  using folder = new TemporaryFolder();
  const file = folder.join("group");
  writeFileSync(file, "root:x:0:\nweir-observer:x:9:\nweir:x:998:ann\n");
  const weir = { name: "weir", id: 998 };
  expect(socketGroups(file)).toEqual({ full: weir, observe: weir });
  writeFileSync(file, "weir-observe:x:997:bob,ann\nweir:x:998:ann\n");
  expect(socketGroups(file)).toEqual({ full: weir, observe: { name: "weir-observe", id: 997 } });
  expect(socketGroups(folder.join("missing"))).toMatchObject({ full: { id: undefined }, observe: { id: undefined } });
});
