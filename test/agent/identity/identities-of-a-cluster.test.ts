import { IdentityRegistry } from "#agent/identity/identity-registry.ts";
import { EmbeddedStore } from "#agent/store/embedded.ts";
import type { Store } from "#agent/store/store.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { consul, etcd } from "#test/agent/store/kinds.ts";
import { freshPrefix, openClient } from "#test/agent/store/use-store-server.ts";
import { FakeClock } from "#test/support/fake-clock.ts";
import { unmet } from "#test/support/requirement.ts";
import { StoreServer } from "#test/support/store-server.ts";
import { identityKeysIn, openAllocator, subject } from "./allocators.ts";

/** The same store, whose answers to each node come late and in any order. */
function slowed(store: Store, random: () => number): Store {
  const delay = async (): Promise<void> => {
    for (let turns = random() % 4; turns > 0; turns--) await Promise.resolve();
  };
  const late = async <T>(answer: () => Promise<T>): Promise<T> => {
    await delay();
    return answer();
  };
  return {
    kind: store.kind,
    health: store.health,
    get: (key) => late(() => store.get(key)),
    list: (prefix) => late(() => store.list(prefix)),
    put: (key, value, options) => late(() => store.put(key, value, options)),
    delete: (key, condition) => late(() => store.delete(key, condition)),
    watch: (prefix, signal) => store.watch(prefix, signal),
    [Symbol.asyncDispose]: async () => {},
  };
}

test("nodes that claim and withdraw at the same time agree on every number, and leave nothing behind", async () => {
  const rounds = fc.array(
    fc.tuple(fc.constantFrom("n1", "n2", "n3"), fc.constantFrom("a", "b"), fc.option(fc.constantFrom(256, 257))),
    { maxLength: 30 },
  );
  await fc.assert(
    fc.asyncProperty(rounds, fc.array(fc.nat(), { minLength: 50, maxLength: 50 }), async (claims, delays) => {
      using folder = new TemporaryFolder();
      await using store = EmbeddedStore.open(folder.join("store"));
      let step = 0;
      const random = (): number => delays[step++ % delays.length] as number;
      const nodes = new Map(
        ["n1", "n2", "n3"].map((node) => [
          node,
          new IdentityRegistry({ store: slowed(store, random), node, isTaken: () => false }),
        ]),
      );
      // One at a time on each node, as its allocator sees to it; the nodes beside each other.
      const inForce = new Map<number, string[]>();
      const live = async (node: string): Promise<void> => {
        for (const [owner, text, preferred] of claims) {
          if (owner !== node) continue;
          const registry = nodes.get(node) as IdentityRegistry;
          const id = await registry.claim(text, preferred ?? undefined);
          const holders = inForce.get(id) ?? [];
          expect(holders.every((held) => held === text)).toBe(true);
          inForce.set(id, [...holders, text]);
          expect((await store.get(`identities/id/${id}`))?.value).toContain(JSON.stringify(text));
          expect(JSON.stringify(await store.list("identities/subject/"))).toContain(`\\"id\\":${id},`);
          inForce.get(id)?.pop();
          await registry.withdraw(id, text);
        }
      };
      await Promise.all([...nodes.keys()].map(live));
      expect(await identityKeysIn(store)).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test("a thousand claims of one subject by two nodes give one number", async () => {
  using folder = new TemporaryFolder();
  await using store = EmbeddedStore.open(folder.join("store"));
  let n = 0;
  const nodes = ["n1", "n2"].map(
    (node) => new IdentityRegistry({ store: slowed(store, () => n++), node, isTaken: () => false }),
  );
  const claims = Array.from({ length: 1000 }, (_, i) => (nodes[i % 2] as IdentityRegistry).claim("web"));
  expect(new Set(await Promise.all(claims)).size).toBe(1);
});

test("when all numbers are taken, the error says so", async () => {
  using folder = new TemporaryFolder();
  await using store = EmbeddedStore.open(folder.join("store"));
  const registry = new IdentityRegistry({ store, node: "n1", isTaken: () => true });
  await expect(registry.claim("web")).rejects.toThrow("all numbers from 256 to 65535 are taken");
});

test.for([etcd, consul])(
  "nodes on one $server.name agree on every number, and leave nothing behind",
  async (kind, context) => {
    const reason = unmet(kind.server.name);
    if (reason !== undefined) context.skip(reason);
    await using server = await StoreServer.start(kind.server);
    const prefix = freshPrefix();
    const names = ["n1", "n2", "n3"];
    const open = (node: string): Store => openClient(kind, { addresses: [server.address], prefix, node });
    const clock = new FakeClock();
    const nodes = await Promise.all(names.map((node) => openAllocator(open(node), clock, node)));
    const subjects = Array.from({ length: 20 }, (_, i) => subject(`app-${i}`));

    // All at once, each in an order of its own.
    const numbers = await Promise.all(
      nodes.map(async (node, n) => {
        const own = new Map<string, number>();
        const order = [...subjects.slice(n * 7), ...subjects.slice(0, n * 7)];
        await Promise.all(order.map(async (one) => own.set(String(one.labels["app"]), await node.acquire(one))));
        return own;
      }),
    );
    for (const own of numbers) expect([...own].sort()).toEqual([...(numbers[0] as Map<string, number>)].sort());
    expect(new Set(numbers[0]?.values()).size).toBe(subjects.length);
    // Each knows what the others' numbers stand for.
    await expect.poll(() => nodes.map((node) => node.list().length)).toEqual(names.map(() => subjects.length));

    await Promise.all(
      nodes.map(async (node, n) => {
        for (const id of numbers[n]?.values() ?? []) await node.release(id);
      }),
    );
    clock.advance(1000);
    await Promise.all(nodes.map((node) => node.idle()));
    expect(await identityKeysIn(open("reader"))).toEqual([]);
    await expect.poll(() => nodes.map((node) => node.list().length)).toEqual(names.map(() => 0));
  },
);
