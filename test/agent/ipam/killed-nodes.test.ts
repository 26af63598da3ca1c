import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EmbeddedStore } from "#agent/store/embedded.ts";
import { Random } from "#test/support/random.ts";
import { sized } from "#test/support/size.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
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
    const life = Math.min(left, random.integer(1, Math.ceil(goal / 8)));
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

test(
  "three processes that are killed again and again never give an address twice or too early, and lose none",
  async () => {
    using folder = new TemporaryFolder();
    await using store = EmbeddedStore.open(folder.join("store"));
    const socket = folder.join("socket");
    const server = await serveStore(store, socket);
    const goal = Math.ceil(sized({ short: 600, long: 10_000 }) / NODES.length);
    const lives = await Promise.all(NODES.map((node, n) => run(node, goal, [socket, folder.path], new Random(n + 1))));
    server.close();
    for (const count of lives) expect(count).toBeGreaterThan(3);

    const told = new Map(NODES.map((node) => [node, read(folder.path, node)]));
    const uses = new Map<string, Use[]>();
    for (const [node, events] of told) {
      for (const [address, some] of usesOf(node, events)) uses.set(address, [...(uses.get(address) ?? []), ...some]);
    }
    expect([...uses.values()].flat().length).toBeGreaterThanOrEqual(goal * NODES.length * 2);
    for (const [address, all] of uses) {
      const sorted = all.toSorted((a, b) => Number(a.from - b.from));
      for (const [n, use] of sorted.slice(1).entries()) {
        const before = sorted[n] as Use;
        expect(before.to, `${address} of ${before.node}, given again by ${use.node}`).not.toBeNull();
        expect(use.from - (before.to as bigint), `rest of ${address}`).toBeGreaterThanOrEqual(COOLDOWN);
      }
      expect(sorted.at(-1)?.to, `${address} at the end`).not.toBeNull();
    }

    const inStore = (await store.list("ipam/blocks/")).map(
      ({ value }) => JSON.parse(value) as { cidr: string; node: string },
    );
    for (const [node, events] of told) {
      expect(readdirSync(folder.join(`${node}.records`))).toEqual([]);
      expect(events.at(-1)).toMatchObject({ event: "used", addresses: [] });
      const theirs = inStore.filter((block) => block.node === node).map(({ cidr }) => cidr);
      expect(events.at(-2)?.addresses.toSorted()).toEqual(theirs.toSorted());
    }
  },
  sized({ short: 120_000, long: 1_200_000 }),
);
