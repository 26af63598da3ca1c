import { expect, test } from "vitest";
import type { Backend, BackendPut, HeldEntry } from "#agent/store/backend.ts";
import { type Bounded, NodeSession } from "#agent/store/node-session.ts";

const bounded: Bounded = (task) => task(new AbortController().signal);
const ours = { key: "weir/a", value: "1", revision: "1", session: "s1" };

/** A server that has lost the session; `puts` says what came, `onPut` what becomes of it. */
function lostSession({ there = [], onPut }: { there?: readonly HeldEntry[]; onPut?: () => boolean }) {
  const puts: [string, BackendPut][] = [];
  const deleted: string[] = [];
  const backend = {
    renewSession: async () => false,
    openSession: async () => "s2",
    list: async () => there,
    put: async (key: string, value: string, how: BackendPut) => {
      puts.push([key, how]);
      return onPut?.() === false ? { ok: false, current: null } : { ok: true, entry: { key, value, revision: "9" } };
    },
    delete: async (key: string) => deleted.push(key) > 0,
  } as unknown as Backend;
  const session = new NodeSession(backend, "weir/");
  session.remember(ours.key, ours.value);
  return { session, puts, deleted };
}

test("a key that is gone is written again only where nobody else is faster, and then it is given up", async () => {
  const { session, puts } = lostSession({ onPut: () => false });
  await session.keep(bounded);
  expect(puts).toEqual([["weir/a", { condition: { revision: null }, session: "s2" }]]);
  await session.keep(bounded);
  expect(puts).toHaveLength(1);
});

test("a key that an old session of ours still has changes over, at the revision that was seen", async () => {
  const { session, puts } = lostSession({ there: [ours] });
  await session.keep(bounded);
  expect(puts).toEqual([["weir/a", { condition: { revision: "1" }, session: "s2" }]]);
});

test.each([
  ["has another value", { ...ours, value: "2" }],
  ["is there for good", { ...ours, session: null }],
])("a key that %s is not ours any more", async (_, entry) => {
  const { session, puts } = lostSession({ there: [entry] });
  await session.keep(bounded);
  expect(puts).toEqual([]);
});

test("a key that is deleted while it is written again is deleted again", async () => {
  const { session, deleted } = lostSession({
    onPut: () => {
      session.forget(ours.key);
      return true;
    },
  });
  await session.keep(bounded);
  expect(deleted).toEqual(["weir/a"]);
});
