import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import type { RemoteStore } from "#agent/store/remote-store.ts";
import { StoreServer } from "#test/support/store-server.ts";
import { apply } from "./store-cases.ts";
import { type ClientOptions, freshPrefix, openClient, type RemoteKind } from "./use-store-server.ts";

/** Values by key, as a watch tells them, and how often it began anew. */
interface Reader {
  readonly seen: Map<string, string>;
  snapshots: number;
}

function read(store: RemoteStore, prefix: string): Reader {
  const stop = new AbortController();
  const reader: Reader = { seen: new Map(), snapshots: 0 };
  const watching = (async () => {
    for await (const event of store.watch(prefix, stop.signal)) {
      if (event.type === "snapshot") reader.snapshots++;
      apply(reader.seen, event);
    }
  })();
  onTestFinished(async () => {
    stop.abort();
    await watching;
  });
  return reader;
}

/** What becomes of callers when the server fails. Each test has a server of its own. */
export function serverCases(kind: RemoteKind): void {
  const start = async (): Promise<StoreServer> => {
    const server = await StoreServer.start(kind.server);
    onTestFinished(() => server[Symbol.asyncDispose]());
    return server;
  };
  const open = (server: StoreServer, options: ClientOptions = {}): RemoteStore =>
    openClient(kind, { addresses: [server.address], ...options });

  describe(`a store on ${kind.server.name}`, () => {
    test("after kill -9 of the server has all that it acknowledged, and a watch goes on with a new snapshot", async () => {
      const server = await start();
      await using store = open(server);
      const reader = read(store, "w/");
      await expect.poll(() => reader.snapshots).toBe(1);
      await store.put("w/a", "1");
      await store.put("w/b", "1");
      await server.kill();
      await expect(store.put("w/a", "2")).rejects.toMatchObject({ code: "unavailable" });
      await expect.poll(() => store.health.state).toBe("degraded");
      await server.start();
      await expect.poll(() => store.health.state).toBe("ok");
      await store.delete("w/b");
      await store.put("w/c", "3");
      await expect
        .poll(() => [...reader.seen].sort())
        .toEqual([
          ["w/a", "1"],
          ["w/c", "3"],
        ]);
      expect(reader.snapshots).toBeGreaterThan(1);
    });

    test("that is paused: calls end with `unavailable`, and when it goes on all is as if nothing had been", async () => {
      const server = await start();
      await using store = open(server, { deadline: 500 });
      await store.put("a", "1");
      const reader = read(store, "w/");
      await expect.poll(() => reader.snapshots).toBe(1);
      await server.pause();
      const calls = [store.get("a"), store.list("w/"), store.put("a", "2"), store.delete("a", { revision: "1" })];
      for (const result of await Promise.allSettled(calls)) {
        expect(result).toMatchObject({ status: "rejected", reason: { name: "StoreError", code: "unavailable" } });
      }
      await expect.poll(() => store.health.state).toBe("degraded");
      expect(store.health.message).toContain(server.address);
      server.resume();
      await expect.poll(() => store.health.state).toBe("ok");
      await store.put("w/a", "1");
      await expect.poll(() => [...reader.seen]).toEqual([["w/a", "1"]]);
    });

    test("that has lost its data: a watch tells that nothing is there, and keys of the node are written again", async () => {
      const server = await start();
      await using store = open(server);
      const reader = read(store, "w/");
      await store.put("w/stays", "1");
      await store.put("w/node", "2", { lifetime: "node" });
      await expect.poll(() => reader.seen.size).toBe(2);
      await server.kill();
      server.loseData();
      await server.start();
      await expect.poll(() => [...reader.seen]).toEqual([["w/node", "2"]]);
    });

    test("writes keys of the node again when its session has ended, but not over what others have put there", async () => {
      const server = await start();
      const prefix = freshPrefix();
      const node = { prefix, node: "n1", interval: 600_000 };
      const before = open(server, node);
      await before.put("before", "1", { lifetime: "node" });
      await before[Symbol.asyncDispose]();
      await using store = open(server, node);
      await using other = open(server, { prefix });
      await store.put("mine", "1", { lifetime: "node" });
      await store.put("taken", "1", { lifetime: "node" });
      await store.put("deleted", "1", { lifetime: "node" });
      await store.delete("deleted");
      await kind.endSessions(server);
      await expect.poll(() => other.get("taken")).toBeNull();
      await other.put("taken", "2");
      // The next write finds that the session is gone.
      await store.put("next", "1", { lifetime: "node" });
      await expect.poll(async () => (await other.get("mine"))?.value).toBe("1");
      expect((await other.get("next"))?.value).toBe("1");
      // Of an earlier life.
      expect((await other.get("before"))?.value).toBe("1");
      expect((await other.get("taken"))?.value).toBe("2");
      expect(await other.get("deleted")).toBeNull();
    });

    test("keeps keys of a node that is there, whether its agent starts anew or not, and no others", async () => {
      const server = await start();
      const prefix = freshPrefix();
      const short = { prefix, lifetime: 1 };
      await using reader = open(server, { prefix });
      await using stays = open(server, { ...short, node: "stays" });
      await stays.put("stays", "1", { lifetime: "node" });
      {
        await using first = open(server, { ...short, node: "again" });
        await first.put("again", "1", { lifetime: "node" });
        await using gone = open(server, { ...short, node: "gone" });
        await gone.put("gone", "1", { lifetime: "node" });
        await gone.put("permanent", "1", { lifetime: "node" });
        await gone.put("permanent", "2");
      }
      // Writes nothing: what the life before wrote is its own.
      await using _second = open(server, { ...short, node: "again" });
      await expect.poll(() => reader.get("gone")).toBeNull();
      // Twice over.
      await using late = open(server, { ...short, node: "late" });
      await late.put("late", "1", { lifetime: "node" });
      await late[Symbol.asyncDispose]();
      await expect.poll(() => reader.get("late")).toBeNull();
      for (const key of ["stays", "again", "permanent"]) expect(await reader.get(key)).not.toBeNull();
    });

    test("that is not there yet: calls end, and all goes well as soon as it is", async () => {
      const server = await start();
      await server.kill();
      await using store = open(server);
      expect(store.health.state).toBe("degraded");
      const reader = read(store, "w/");
      await expect(store.get("a")).rejects.toMatchObject({ code: "unavailable" });
      await server.start();
      await expect.poll(() => store.health.state).toBe("ok");
      await store.put("w/a", "1");
      await expect.poll(() => [...reader.seen]).toEqual([["w/a", "1"]]);
    });

    test("is asked at its other address when one does not answer", async () => {
      const server = await start();
      await using store = openClient(kind, { addresses: ["http://127.0.0.1:1", server.address] });
      await expect.poll(() => store.health.state).toBe("ok");
      await store.put("a", "1");
      expect((await store.get("a"))?.value).toBe("1");
    });

    test("is closed at once while it does not answer, and ends what waits", async () => {
      const server = await start();
      const store = open(server, { deadline: 600_000 });
      await store.put("a", "1");
      await server.pause();
      const waiting = store.get("a");
      const watching = store.watch("w/", new AbortController().signal)[Symbol.asyncIterator]().next();
      await sleep(0);
      await store[Symbol.asyncDispose]();
      await expect(waiting).rejects.toMatchObject({ code: "closed" });
      expect((await watching).done).toBe(true);
    });

    test("loses and doubles nothing that was acknowledged, over kills and pauses", async () => {
      const server = await start();
      const prefix = freshPrefix();
      const clients = [1, 2, 3].map((n) => open(server, { prefix, deadline: 500, node: `n${n}` }));
      const stop = new AbortController();
      const acknowledged: string[] = [];
      const writers = clients.map(async (client, n) => {
        for (let i = 0; !stop.signal.aborted; i++) {
          const key = `k/${n}-${i}`;
          const made = await client.put(key, "", { condition: { revision: null } }).catch(() => null);
          if (made?.ok === true) acknowledged.push(key);
        }
      });
      for (const step of [() => server.kill().then(() => server.start()), () => server.pause()]) {
        const before = acknowledged.length;
        await expect.poll(() => acknowledged.length).toBeGreaterThan(before + 20);
        await step();
        await expect
          .poll(() => clients.some(({ health }) => health.state === "degraded") || acknowledged.length > before + 40)
          .toBe(true);
      }
      server.resume();
      const before = acknowledged.length;
      await expect.poll(() => acknowledged.length).toBeGreaterThan(before + 20);
      stop.abort();
      await Promise.all(writers);
      const there = new Set((await (clients[0] as RemoteStore).list("k/")).map(({ key }) => key));
      expect(acknowledged.filter((key) => !there.has(key))).toEqual([]);
      expect(new Set(acknowledged).size).toBe(acknowledged.length);
    });
  });
}
