import { expect, onTestFinished, test } from "vitest";
import { EmbeddedStore } from "#agent/store/embedded.ts";
import type { Store } from "#agent/store/store.ts";
import { consul, etcd } from "#test/agent/store/kinds.ts";
import { freshPrefix, openClient } from "#test/agent/store/use-store-server.ts";
import { FakeClock } from "#test/support/fake-clock.ts";
import { unmet } from "#test/support/requirement.ts";
import { StoreServer } from "#test/support/store-server.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { identityKeysIn, openAllocator, subject } from "./allocators.ts";

function openStore(): EmbeddedStore {
  const folder = new TemporaryFolder();
  const store = EmbeddedStore.open(folder.join("store"));
  onTestFinished(async () => {
    await store[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });
  return store;
}

async function deleteAll(store: Store): Promise<void> {
  for (const { key } of await store.list("identities/")) await store.delete(key);
}

test.for([etcd, consul])(
  "what nodes agreed on is in $server.name again after it has lost its data",
  async (kind, context) => {
    const reason = unmet(kind.server.name);
    if (reason !== undefined) context.skip(reason);
    await using server = await StoreServer.start(kind.server);
    const prefix = freshPrefix();
    const clock = new FakeClock();
    const open = (node: string): Store => openClient(kind, { addresses: [server.address], prefix, node });
    const [first, second] = await Promise.all(["n1", "n2"].map((node) => openAllocator(open(node), clock, node)));
    if (!first || !second) throw new Error("two nodes are wanted");
    // The numbers are not the first ones, which a node that knows nothing would take.
    const released = await first.acquire(subject("released"));
    const shared = await Promise.all([first.acquire(subject("shared")), second.acquire(subject("shared"))]);
    const own = await second.acquire(subject("own"));
    await first.release(released);
    clock.advance(1000);
    await first.idle();

    await server.kill();
    server.loseData();
    await server.start();
    const reader = open("reader");
    const expected = [`identities/id/${shared[0]}`, `identities/id/${own}`].sort();
    const numbers = async () => (await reader.list("identities/id/").catch(() => [])).map(({ key }) => key);
    await expect.poll(numbers).toEqual(expected);
    await expect
      .poll(async () => (await identityKeysIn(reader)).filter((key) => key.includes("/use/")))
      .toHaveLength(3);
    const third = await openAllocator(open("n3"), clock, "n3");
    expect(await third.acquire(subject("shared"))).toBe(shared[0]);
    expect(await third.acquire(subject("own"))).toBe(own);
    expect([shared[0], own]).not.toContain(await third.acquire(subject("new")));
  },
);

test("nodes that say the same again at the same time agree", async () => {
  const store = openStore();
  const clock = new FakeClock();
  const nodes = await Promise.all(["n1", "n2", "n3", "n4"].map((node) => openAllocator(store, clock, node)));
  const ids = await Promise.all(nodes.map((node) => node.acquire(subject("web"))));
  for (let round = 0; round < 20; round++) {
    await deleteAll(store);
    await expect.poll(async () => (await identityKeysIn(store)).length, { interval: 5 }).toBe(2 + nodes.length);
    expect((await store.list("identities/id/")).map(({ key }) => key)).toEqual([`identities/id/${ids[0]}`]);
  }
});

test("a part that the store has lost is said again", async () => {
  const store = openStore();
  const node = await openAllocator(store, new FakeClock());
  const id = await node.acquire(subject("web"));
  const before = await identityKeysIn(store);
  await store.delete(`identities/id/${id}`);
  await expect.poll(() => identityKeysIn(store)).toEqual(before);
});

test("while it is lost, what a number stands for here is still known", async () => {
  const store = openStore();
  const node = await openAllocator(store, new FakeClock());
  const id = await node.acquire(subject("web"));
  await deleteAll(store);
  expect(node.subject(id)).toEqual(subject("web"));
});

test("a number that has become somebody else's meanwhile is told as a conflict", async () => {
  const store = openStore();
  const node = await openAllocator(store, new FakeClock());
  const id = await node.acquire(subject("web"));
  const [number] = await store.list("identities/id/");
  const other = (number?.value ?? "").replaceAll("web", "other");
  await deleteAll(store);
  await store.put(`identities/id/${id}`, other);
  await expect(node.conflict).rejects.toMatchObject({ name: "IdentityError", code: "conflict" });
});
