/**
 * A node that gives addresses to pods and takes them back until it is killed, or until its
 * standard input ends: then it takes all of them back. Arguments: kind and address of the
 * store, state folder, node's name, seed. A dot is written for each address.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { IpamError } from "#agent/ipam/errors.ts";
import { addressesOf, type Lease } from "#agent/ipam/lease.ts";
import type { Clock } from "#agent/runtime/clock.ts";
import { removeFile, removeTemporaries, writeFileAtomic } from "#agent/runtime/files.ts";
import { Random } from "#test/support/random.ts";
import { ClusterNode } from "./cluster-node.ts";
import { openSharedStore, type StoreKind } from "./open-shared-store.ts";

/** Pods at one time, and those that come at the same moment. */
const PODS = 30;
const AT_ONCE = 6;

const [kind = "", address = "", folder = "", node = "", seed = "0"] = process.argv.slice(2);
const cooldown = 200;
const random = new Random(Number(seed));
const records = join(folder, `${node}.records`);
const now = (): bigint => process.hrtime.bigint();
const clock = { bootNanoseconds: now } as Clock;

function tell(event: string, addresses: readonly string[], at = now()): void {
  appendFileSync(join(folder, `${node}.events`), `${JSON.stringify({ event, at: String(at), addresses })}\n`);
}

/** A kill in the middle of a write leaves a part of a line: of what was not told of yet. */
function cutTornEnd(): void {
  const path = join(folder, `${node}.events`);
  if (!existsSync(path)) return;
  truncateSync(path, readFileSync(path).lastIndexOf("\n") + 1);
}

function readRecords(): Map<string, Lease> {
  removeTemporaries(records);
  return new Map(
    readdirSync(records).map((name) => [name, JSON.parse(readFileSync(join(records, name), "utf8")) as Lease]),
  );
}

const begun = now();
mkdirSync(records, { recursive: true });
const pods = readRecords();
const common = { clock, cooldown, folder, cidrs: ["10.0.0.0/22", "fd00::/118"], masks: { ipv4: 28, ipv6: 124 } };
await using store = openSharedStore(kind as StoreKind, address, node);
using life = await ClusterNode.open({ node, store, records: pods, ...common });
cutTornEnd();
tell("start", [...pods.values()].flatMap(addressesOf), begun);

async function come(owner: string): Promise<void> {
  try {
    const lease = await life.allocate(owner);
    tell("give", addressesOf(lease));
    writeFileAtomic(join(records, owner), JSON.stringify(lease), { durable: false });
    pods.set(owner, lease);
    process.stdout.write(".");
  } catch (error) {
    if (!(error instanceof IpamError) || error.code !== "pool-exhausted") throw error;
    // The others have all blocks: addresses come back with their cool-down.
    await sleep(cooldown / 10);
  }
}

async function go(owner: string): Promise<void> {
  const lease = pods.get(owner);
  if (!lease) return;
  pods.delete(owner);
  tell("end", addressesOf(lease));
  removeFile(join(records, owner), { durable: false });
  await life.release(lease);
}

const ending = new AbortController();
process.stdin.resume().once("end", () => ending.abort());
for (let n = 0; !ending.signal.aborted; n++) {
  await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => come(`${begun}-${n}-${i}`)));
  while (pods.size > PODS) await go(random.pick([...pods.keys()]));
}
for (const owner of pods.keys()) await go(owner);
tell("blocks", life.blocks.blocks);
tell(
  "used",
  life.ipam.fill.filter(({ used }) => used > 0).map(({ cidr }) => cidr),
);
