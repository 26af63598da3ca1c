import { describe, expect, test } from "vitest";
import { type Store, VALUE_MAX, type WatchEvent } from "#agent/store/store.ts";

/** Values that a store may not touch. */
const values = ["", " ", "\n", "a\0b", "ä 漢 \u{1f512}", '{"a":"\\""}', "=".repeat(1000)];

/** How a kind of store is opened. */
export interface StoreKind {
  readonly kind: string;
  /** Gives a store that is empty below `cases/`. */
  readonly open: () => Promise<Store>;
  /** Gives another client of the same data. */
  readonly join: (store: Store) => Promise<Store>;
}

/** What every kind of store does. */
export function storeCases({ kind, open, join }: StoreKind): void {
  describe(`a store of kind ${kind}`, () => {
    test("gives back what was written, and nothing for what was not", async () => {
      await using store = await open();
      await store.put("cases/a", "1");
      expect(await store.get("cases/a")).toMatchObject({ key: "cases/a", value: "1" });
      expect(await store.get("cases/b")).toBeNull();
    });

    test("lists the keys below a prefix in order, and no others", async () => {
      await using store = await open();
      for (const key of ["cases/a/2", "cases/a/1", "cases/ab", "cases/a"]) await store.put(key, key);
      expect((await store.list("cases/a/")).map(({ key }) => key)).toEqual(["cases/a/1", "cases/a/2"]);
    });

    test("makes a key only once when it must not be there", async () => {
      await using store = await open();
      const condition = { revision: null };
      const results = await Promise.all(["x", "y", "z"].map((value) => store.put("cases/a", value, { condition })));
      const winners = results.filter((result) => result.ok);
      expect(winners).toHaveLength(1);
      expect(await store.get("cases/a")).toEqual(winners[0]?.ok ? winners[0].entry : null);
    });

    test("swaps only at the revision that was read, and tells what is there otherwise", async () => {
      await using store = await open();
      const made = await store.put("cases/a", "1");
      if (!made.ok) throw new Error("put without a condition was refused");
      const condition = { revision: made.entry.revision };
      const swapped = await store.put("cases/a", "2", { condition });
      expect(swapped).toMatchObject({ ok: true, entry: { value: "2" } });
      expect(await store.put("cases/a", "3", { condition })).toMatchObject({ ok: false, current: { value: "2" } });
    });

    test("deletes only what is there, at the revision that was read", async () => {
      await using store = await open();
      const made = await store.put("cases/a", "1");
      if (!made.ok) throw new Error("put without a condition was refused");
      await store.put("cases/a", "2");
      expect(await store.delete("cases/a", { revision: made.entry.revision })).toBe(false);
      expect(await store.delete("cases/a")).toBe(true);
      expect(await store.delete("cases/a")).toBe(false);
    });

    test("never gives a key that was made anew its old revision", async () => {
      await using store = await open();
      const first = await store.put("cases/a", "1");
      await store.delete("cases/a");
      const second = await store.put("cases/a", "1");
      expect(first.ok && second.ok && first.entry.revision !== second.entry.revision).toBe(true);
    });

    test("adds up what many writers count", async () => {
      await using store = await open();
      const count = async (): Promise<void> => {
        for (;;) {
          const current = await store.get("cases/n");
          const value = String(Number(current?.value ?? 0) + 1);
          const result = await store.put("cases/n", value, { condition: { revision: current?.revision ?? null } });
          if (result.ok) return;
        }
      };
      await Promise.all(Array.from({ length: 20 }, count));
      expect((await store.get("cases/n"))?.value).toBe("20");
    });

    test.each(values)("keeps the value %j as it is", async (value) => {
      await using store = await open();
      await store.put("cases/a", value);
      expect((await store.get("cases/a"))?.value).toBe(value);
      expect((await store.list("cases/"))[0]?.value).toBe(value);
    });

    test("takes a value of the most bytes that are allowed", async () => {
      await using store = await open();
      const value = "x".repeat(VALUE_MAX);
      await store.put("cases/a", value);
      expect((await store.get("cases/a"))?.value).toBe(value);
    });

    test("adds up what several clients count at the same time", async () => {
      await using store = await open();
      const clients = await Promise.all([join(store), join(store), join(store), join(store)]);
      const count = async (client: Store): Promise<void> => {
        for (let left = 10; left > 0;) {
          const current = await client.get("cases/n");
          const value = String(Number(current?.value ?? 0) + 1);
          const condition = { revision: current?.revision ?? null };
          if ((await client.put("cases/n", value, { condition, lifetime: "node" })).ok) left--;
        }
      };
      await Promise.all(clients.map(count));
      expect((await store.get("cases/n"))?.value).toBe("40");
      for (const client of clients) await client[Symbol.asyncDispose]();
    });

    test("gives each key to one of several clients that want it, and it is gone once for one that deletes it", async () => {
      await using store = await open();
      const clients = await Promise.all([join(store), join(store), join(store)]);
      for (let n = 0; n < 10; n++) {
        const key = `cases/${n}`;
        const made = await Promise.all(
          clients.map((client, i) => client.put(key, String(i), { condition: { revision: null }, lifetime: "node" })),
        );
        expect(made.filter(({ ok }) => ok)).toHaveLength(1);
        const winner = made.findIndex(({ ok }) => ok);
        expect((await store.get(key))?.value).toBe(String(winner));
        const revision = (await store.get(key))?.revision ?? "";
        const gone = await Promise.all(clients.map((client) => client.delete(key, { revision })));
        expect(gone.filter(Boolean)).toHaveLength(1);
      }
      for (const client of clients) await client[Symbol.asyncDispose]();
    });

    test("a key changes its lifetime with its next write", async () => {
      await using store = await open();
      await store.put("cases/a", "1", { lifetime: "node" });
      await store.put("cases/a", "2");
      await store.put("cases/a", "3", { lifetime: "node" });
      expect((await store.get("cases/a"))?.value).toBe("3");
      expect(await store.delete("cases/a")).toBe(true);
    });

    test("tells one client's watch what another writes, each key's last value last", async () => {
      await using store = await open();
      await using other = await join(store);
      const stop = new AbortController();
      const seen = new Map<string, string>();
      const watching = (async () => {
        for await (const event of store.watch("cases/w/", stop.signal)) apply(seen, event);
      })();
      for (let n = 0; n < 100; n++) await other.put(`cases/w/${n % 7}`, String(n));
      await other.delete("cases/w/3");
      const expected = (await other.list("cases/w/")).map(({ key, value }) => [key, value]);
      await expect.poll(() => [...seen].sort()).toEqual(expected);
      stop.abort();
      await watching;
    });

    test("watches: first everything, then each change, until the signal", async () => {
      await using store = await open();
      await store.put("cases/w/a", "1");
      const stop = new AbortController();
      const events: WatchEvent[] = [];
      const keys = (): string =>
        events
          .flatMap((event) =>
            event.type === "snapshot" ? event.entries.map((entry) => ({ type: "put" as const, entry })) : event.changes,
          )
          .map((change) => (change.type === "put" ? `+${change.entry.key}=${change.entry.value}` : `-${change.key}`))
          .join(" ");
      const watching = (async () => {
        for await (const event of store.watch("cases/w/", stop.signal)) events.push(event);
      })();
      await expect.poll(keys).toBe("+cases/w/a=1");
      await store.put("cases/w/b", "2");
      await store.put("cases/other", "3");
      await store.delete("cases/w/a");
      await expect.poll(keys).toBe("+cases/w/a=1 +cases/w/b=2 -cases/w/a");
      expect(events[0]?.type).toBe("snapshot");
      stop.abort();
      await watching;
    });

    test.each(["", "/a", "a//b", "a b", "ä", "a/", "x".repeat(600)])("refuses the key %j", async (key) => {
      await using store = await open();
      await expect(store.put(key, "1")).rejects.toMatchObject({ code: "bad-key" });
    });

    test("refuses a value that some kind of store could not hold", async () => {
      await using store = await open();
      await expect(store.put("cases/a", "x".repeat(300_000))).rejects.toMatchObject({ code: "too-large" });
    });

    test("answers nothing when it is closed", async () => {
      const store = await open();
      await store[Symbol.asyncDispose]();
      await expect(store.get("cases/a")).rejects.toMatchObject({ code: "closed" });
      expect(store.health.state).toBe("degraded");
    });
  });
}

/** What a reader of a watch keeps: values by key. */
export function apply(seen: Map<string, string>, event: WatchEvent): void {
  if (event.type === "snapshot") {
    seen.clear();
    for (const { key, value } of event.entries) seen.set(key, value);
    return;
  }
  for (const change of event.changes) {
    if (change.type === "put") seen.set(change.entry.key, change.entry.value);
    else seen.delete(change.key);
  }
}
