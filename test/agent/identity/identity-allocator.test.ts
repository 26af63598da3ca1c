import { EmbeddedStore } from "#agent/store/embedded.ts";
import { FakeClock } from "#test/support/fake-clock.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { identityKeysIn, openAllocator, subject } from "./allocators.ts";

let store: EmbeddedStore;
let clock: FakeClock;

beforeEach(() => {
  const folder = new TemporaryFolder();
  store = EmbeddedStore.open(folder.join("store"));
  clock = new FakeClock();
  onTestFinished(async () => {
    await store[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });
});

test("equal subjects have one number from 256 on, whatever the order of their labels and ports", async () => {
  const identities = await openAllocator(store, clock);
  const http = { name: "http", protocol: "TCP", port: 80 } as const;
  const dns = { name: "dns", protocol: "UDP", port: 53 } as const;
  const id = await identities.acquire(subject("web", { labels: { a: "1", b: "2" }, namedPorts: [http, dns] }));
  expect(id).toBe(256);
  expect(await identities.acquire(subject("web", { labels: { b: "2", a: "1" }, namedPorts: [dns, http] }))).toBe(id);
});

test.each([
  ["namespace", { namespace: "other" }],
  ["labels", { labels: { app: "web", tier: "1" } }],
  ["service account", { serviceAccount: "robot" }],
  ["named ports", { namedPorts: [{ name: "http", protocol: "TCP", port: 80 }] }],
] as const)("subjects that differ in %s have different numbers", async (_what, difference) => {
  const identities = await openAllocator(store, clock);
  const id = await identities.acquire(subject("web"));
  expect(await identities.acquire(subject("web", difference))).not.toBe(id);
});

test("many who ask at the same time get one number", async () => {
  const identities = await openAllocator(store, clock);
  const ids = await Promise.all(Array.from({ length: 50 }, () => identities.acquire(subject("web"))));
  expect(new Set(ids).size).toBe(1);
  expect(identities.list()).toEqual([{ id: 256, subject: subject("web"), references: 50 }]);
});

test("an identity outlives its last pod by the time of grace, and then leaves no key", async () => {
  const identities = await openAllocator(store, clock);
  const id = await identities.acquire(subject("web"));
  await identities.release(id);
  clock.advance(999);
  expect(await identities.acquire(subject("web"))).toBe(id);
  await identities.release(id);
  clock.advance(1000);
  await identities.idle();
  expect(await identityKeysIn(store)).toEqual([]);
  await expect.poll(() => identities.subject(id)).toBeUndefined();
});

test("a number that is free again is not the next one to be used", async () => {
  const identities = await openAllocator(store, clock);
  await identities.release(await identities.acquire(subject("a")));
  clock.advance(1000);
  await identities.idle();
  expect(await identities.acquire(subject("b"))).toBe(257);
  expect(await (await openAllocator(store, clock)).acquire(subject("c"))).toBe(258);
});

test("what nobody here has cannot be released", async () => {
  const identities = await openAllocator(store, clock);
  const id = await identities.acquire(subject("web"));
  await identities.release(id);
  await expect(identities.release(id)).rejects.toMatchObject({ code: "not-held" });
  await expect(identities.release(300)).rejects.toMatchObject({ code: "not-held" });
});

test("another life finds the same numbers, and gives back what nobody has any more", async () => {
  const end = new AbortController();
  const before = await openAllocator(store, clock, "n1", end);
  const web = await before.acquire(subject("web"));
  const gone = await before.acquire(subject("gone"));
  end.abort();
  const after = await openAllocator(store, clock);
  expect(after.subject(web)).toEqual(subject("web"));
  expect(await after.acquire(subject("web"), web)).toBe(web);
  await after.releaseUnheld();
  clock.advance(1000);
  await after.idle();
  await expect.poll(() => after.list().map(({ id }) => id)).toEqual([web]);
  expect(after.subject(gone)).toBeUndefined();
});

test("an endpoint keeps its number when the store was lost, unless somebody else has it", async () => {
  const identities = await openAllocator(store, clock);
  expect(await identities.acquire(subject("web"), 4711)).toBe(4711);
  expect(await identities.acquire(subject("db"), 4711)).toBe(256);
});

test("a crash between making a number and claiming it leaves nothing behind", async () => {
  await store.put("identities/id/256", JSON.stringify({ subject: "{}", by: "n1" }));
  await store.put("identities/id/257", JSON.stringify({ subject: "{}", by: "n2" }));
  await openAllocator(store, clock);
  expect(await identityKeysIn(store)).toEqual(["identities/id/257"]);
});
