import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { EmbeddedStore } from "#agent/store/embedded.ts";
import { Random } from "#test/support/random.ts";
import { sized } from "#test/support/size.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { unmet } from "#test/support/requirement.ts";
import { consulKind, etcdKind, StoreServer } from "#test/support/store-server.ts";
import type { Store } from "#agent/store/store.ts";
import { openSharedStore, type StoreKind } from "./open-shared-store.ts";
import { serveStore } from "./socket-store.ts";

const NODES = ["n1", "n2", "n3"];
/** As in `allocating-node.ts`, in ns. */
const COOLDOWN = 200_000_000n;

interface Told {
  readonly event: "start" | "give" | "end" | "blocks" | "used";
  readonly at: string;
  readonly addresses: readonly string[];
}

/** From when to when a pod may have had an address. */
interface Use {
  readonly node: string;
  readonly from: bigint;
  to: bigint | null;
}

/** Runs a node until so many addresses were given, over lives that end by SIGKILL; the last one ends by itself. */
async function run(node: string, goal: number, args: readonly string[], random: Random): Promise<number> {
  let lives = 0;
  for (let given = 0, left = goal; left > 0; left = goal - given) {
    lives++;
    const life = Math.min(left, random.integer(1, Math.ceil(goal / sized({ short: 3, long: 16 }))));
    const command = [join(import.meta.dirname, "allocating-node.ts"), ...args, node, String(lives)];
    const child: ChildProcess = spawn(process.execPath, command, { stdio: ["pipe", "pipe", "inherit"] });
    let told = 0;
    child.stdout?.on("data", (dots: Buffer) => {
      told += dots.length;
      if (told < life) return;
      if (given + told >= goal) child.stdin?.end();
      else child.kill("SIGKILL");
    });
    const [code, signal] = (await once(child, "close")) as [number | null, string | null];
    expect(signal ?? code, `how a life of ${node} ended`).toBe(given + told >= goal ? 0 : "SIGKILL");
    given += told;
  }
  return lives;
}

function read(folder: string, node: string): Told[] {
  const lines = readFileSync(join(folder, `${node}.events`), "utf8")
    .trimEnd()
    .split("\n");
  return lines.map((line) => JSON.parse(line) as Told);
}

/** What a node's pods had, told by when and how it was killed. */
function usesOf(node: string, events: readonly Told[]): Map<string, Use[]> {
  const all = new Map<string, Use[]>();
  for (const { event, at, addresses } of events) {
    const last = (address: string): Use | undefined => all.get(address)?.at(-1);
    if (event === "start") {
      // Who has no record was never told of the address; who has one was not told to go.
      for (const uses of all.values()) for (const use of uses) use.to ??= BigInt(at);
      for (const address of addresses) Object.assign(last(address) ?? {}, { to: null });
    } else if (event === "give") {
      for (const address of addresses) {
        all.set(address, [...(all.get(address) ?? []), { node, from: BigInt(at), to: null }]);
      }
    } else if (event === "end") {
      for (const address of addresses) Object.assign(last(address) ?? {}, { to: BigInt(at) });
    }
  }
  return all;
}

/** A server of the kind, and what a process has to know of it. */
async function serve(kind: StoreKind, folder: TemporaryFolder, stack: AsyncDisposableStack): Promise<string> {
  if (kind !== "socket") return stack.use(await StoreServer.start(kind === "etcd" ? etcdKind : consulKind)).address;
  const path = folder.join("socket");
  const server = await serveStore(stack.use(EmbeddedStore.open(folder.join("store"))), path);
  stack.defer(() => void server.close());
  return path;
}

describe.for(["socket", "etcd", "consul"] as const)("on %s", (kind) => {
  beforeEach((context) => {
    const reason = kind === "socket" ? undefined : unmet(kind);
    if (reason !== undefined) context.skip(reason);
  });

  test(
    "three processes that are killed again and again never give an address twice or too early, and lose none",
    async () => {
      using folder = new TemporaryFolder();
      await using stack = new AsyncDisposableStack();
      const address = await serve(kind, folder, stack);
      const goal = Math.ceil(sized({ short: 450, long: 10_000 }) / NODES.length);
      const args = [kind, address, folder.path];
      const lives = await Promise.all(NODES.map((node, n) => run(node, goal, args, new Random(n + 1))));
      for (const count of lives) expect(count).toBeGreaterThan(2);
      const told = new Map(NODES.map((node) => [node, read(folder.path, node)]));
      expectOrder(told, goal * NODES.length);
      await expectNothingLost(told, stack.use(openSharedStore(kind, address, "judge")), folder);
    },
    sized({ short: 240_000, long: 1_200_000 }),
  );
});

/** Whoever had an address, the next one got it when its rest was over. */
function expectOrder(told: ReadonlyMap<string, readonly Told[]>, given: number): void {
  const uses = new Map<string, Use[]>();
  for (const [node, events] of told) {
    for (const [address, some] of usesOf(node, events)) uses.set(address, [...(uses.get(address) ?? []), ...some]);
  }
  expect([...uses.values()].flat().length).toBeGreaterThanOrEqual(given * 2);
  for (const [address, all] of uses) {
    const sorted = all.toSorted((a, b) => Number(a.from - b.from));
    for (const [n, use] of sorted.slice(1).entries()) {
      const before = sorted[n] as Use;
      expect(before.to, `${address} of ${before.node}, given again by ${use.node}`).not.toBeNull();
      expect(use.from - (before.to as bigint), `rest of ${address}`).toBeGreaterThanOrEqual(COOLDOWN);
    }
    expect(sorted.at(-1)?.to, `${address} at the end`).not.toBeNull();
  }
}

/** All pods are gone: nobody has an address, and each block is known to the node that the store says has it. */
async function expectNothingLost(
  told: ReadonlyMap<string, readonly Told[]>,
  store: Store,
  folder: TemporaryFolder,
): Promise<void> {
  const inStore = (await store.list("ipam/blocks/")).map(
    ({ value }) => JSON.parse(value) as { readonly cidr: string; readonly node: string },
  );
  for (const [node, events] of told) {
    expect(readdirSync(folder.join(`${node}.records`))).toEqual([]);
    expect(events.at(-1)).toMatchObject({ event: "used", addresses: [] });
    const theirs = inStore.filter((block) => block.node === node).map(({ cidr }) => cidr);
    expect(events.at(-2)?.addresses.toSorted()).toEqual(theirs.toSorted());
  }
}
