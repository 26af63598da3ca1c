import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { once } from "node:events";
import { afterEach, beforeEach, expect, test } from "vitest";
import { claimRunDir } from "#agent/api/run-dir.ts";
import { type AgentPlaces, cleanUp } from "#agent/local/cleanup.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

let folder: TemporaryFolder;
let places: AgentPlaces;
/** Binds a socket that outlives its listener, as that of a killed agent does. */
let socket: Server;

beforeEach(async () => {
  folder = new TemporaryFolder();
  places = { runDir: folder.join("run"), stateDir: folder.join("state"), bpffs: folder.join("bpf") };
  for (const part of ["run/deleted", "state/endpoints", "bpf/weir/links", "bpf/weir/maps", "bpf/other"]) {
    mkdirSync(folder.join(part), { recursive: true });
  }
  socket = createServer();
  for (const file of [
    "run/agent.pid",
    "state/incarnation.json",
    "bpf/weir/maps/policy",
    "bpf/weir/links/weir00000000001-ingress",
  ]) {
    writeFileSync(folder.join(file), "");
  }
  writeFileSync(folder.join("state/endpoints/1.json"), "cut sho");
});
afterEach(() => {
  socket.close();
  folder[Symbol.dispose]();
});

test("everything goes, and nothing of others; a second time there is nothing to do", async () => {
  const first = await cleanUp(places);
  expect(first.problems).toEqual([]);
  expect(first.removed).toContainEqual({
    what: "link",
    name: folder.join("bpf/weir/links/weir00000000001-ingress"),
  });
  expect(first.removed).toContainEqual({ what: "pinned object", name: folder.join("bpf/weir/maps/policy") });
  expect(["run", "state", "bpf/weir"].filter((part) => existsSync(folder.join(part)))).toEqual([]);
  expect(existsSync(folder.join("bpf/other"))).toBe(true);
  expect(await cleanUp(places)).toMatchObject({ removed: [], problems: [] });
});

test("not while an agent runs", async () => {
  await using _claim = await claimRunDir(places.runDir);
  await expect(cleanUp(places)).rejects.toThrow(`the agent with process id ${process.pid} runs; stop it first`);
  expect(existsSync(folder.join("state/endpoints/1.json"))).toBe(true);
});

test("nor while one answers whose pid file is gone", async () => {
  socket.listen(folder.join("run/agent.sock"));
  await once(socket, "listening");
  await expect(cleanUp(places)).rejects.toThrow("an agent answers on its socket; stop it first");
});

test("a folder that is no agent's state is left alone, and said so", async () => {
  mkdirSync(folder.join("home/letters"), { recursive: true });
  const { problems } = await cleanUp({ ...places, stateDir: folder.join("home") });
  expect(problems).toEqual([expect.stringContaining("so it is no agent's state; nothing was touched")]);
  expect(existsSync(folder.join("home/letters"))).toBe(true);
});

test("what others keep in the run folder stays", async () => {
  writeFileSync(folder.join("run/cni.log"), "");
  const { problems } = await cleanUp(places);
  expect(problems).toEqual([]);
  expect(existsSync(folder.join("run/cni.log"))).toBe(true);
});
