import { describe, expect, test } from "vitest";
import type { Store, WatchEvent } from "#agent/store/store.ts";

/** What every kind of store does. `open` gives a store that is empty below `cases/`. */
export function storeCases(kind: string, open: () => Promise<Store>): void {
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
