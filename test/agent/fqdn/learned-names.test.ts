import { afterEach, beforeEach, expect, test } from "vitest";
import type { Enforcement } from "#agent/endpoint/enforcement.ts";
import { LearnedNames } from "#agent/fqdn/learned-names.ts";
import { DEFAULT_LIMITS, type LearnedName } from "#agent/fqdn/name-table.ts";
import type { DnsAnswer } from "#agent/proxy/names.ts";
import { GRACE } from "#agent/proxy/names.ts";
import { SerialExecutor } from "#agent/runtime/serial-executor.ts";
import { PolicyEngine } from "#policy/compile/engine.ts";
import { objectsOf } from "#test/support/cilium-text.ts";
import { makeEndpoint, makeEnforcement } from "#test/support/enforcement.ts";
import { FakeClock } from "#test/support/fake-clock.ts";
import { MemoryKernel } from "#test/support/memory-kernel.ts";
import { ciliumPolicy } from "#test/support/object-text.ts";
import { silentLog } from "#test/support/silent-log.ts";

const subject = { namespace: "default", labels: { app: "web" }, serviceAccount: "", namedPorts: [] };
const policy = ciliumPolicy("web", { egress: [{ toFQDNs: [{ matchPattern: "*.test" }] }] });

let kernel: MemoryKernel;
let enforcement: Enforcement;
/** Boot time, ms. */
let now: number;
/** Addresses that somebody has a connection to. */
let connected: Set<string>;
let journal: LearnedName[];
let changes: SerialExecutor;
let stop: AbortController;
let running: Promise<void>[];

beforeEach(async () => {
  now = 1_000_000;
  connected = new Set();
  journal = [];
  changes = new SerialExecutor();
  stop = new AbortController();
  running = [];
  kernel = new MemoryKernel();
  ({ enforcement } = makeEnforcement(kernel));
  await enforcement.add(makeEndpoint(2, subject, 256));
  await enforcement.replacePolicy(new PolicyEngine(objectsOf(policy)), { always: true });
});

afterEach(async () => {
  stop.abort();
  await Promise.all(running);
});

function make(limits: Partial<typeof DEFAULT_LIMITS> = {}, minTtl = 0): LearnedNames {
  const names = idle(limits, minTtl);
  running.push(names.run(new FakeClock(), stop.signal));
  return names;
}

/** As before policy is in force. */
function idle(limits: Partial<typeof DEFAULT_LIMITS> = {}, minTtl = 0): LearnedNames {
  return new LearnedNames({
    limits: { ...DEFAULT_LIMITS, ...limits },
    minTtl,
    setNames: (said) => enforcement.setNames(said),
    connections: {
      async *all() {
        yield [...connected].map((destination) => ({ destination, entry: { expires: BigInt(now + 1) * 1_000_000n } }));
        await Promise.resolve();
      },
    },
    journal: { append: (learned) => void journal.push(...learned) },
    changes,
    now: () => BigInt(now) * 1_000_000n,
    log: silentLog(),
  });
}

function answer(name: string, address: string, ttl = 60): DnsAnswer {
  return { name, addresses: [{ address, ttl }], endpoint: 2 };
}

function isAllowed(destination: string): boolean {
  return kernel.judge({ source: "10.0.0.2", destination, protocol: 6, port: 443 }).egress.verdict === "allow";
}

test("when an answer is admitted, its address may be called; it ends with the answer's time and some seconds for the call", async () => {
  const names = make();
  expect(await names.admit(answer("a.test", "192.0.2.1"))).toBe("admitted");
  expect(isAllowed("192.0.2.1")).toBe(true);
  now += 60_000 + GRACE - 1;
  await names.sweep();
  expect(isAllowed("192.0.2.1")).toBe(true);
  now += 1;
  await names.sweep();
  expect(isAllowed("192.0.2.1")).toBe(false);
  expect(names.counts).toEqual({ names: 0, addresses: 0, kept: 0, admitted: 1, refused: 0 });
});

test("every answer counts for the least time at least, and none for longer than a week", async () => {
  const names = make({}, 3600);
  await names.admit(answer("a.test", "192.0.2.1", 0));
  await names.admit(answer("b.test", "192.0.2.2", 2 ** 31 - 1));
  const until = new Map(names.list().map((one) => [one.name, one.until - now - GRACE]));
  expect(until).toEqual(
    new Map([
      ["a.test", 3_600_000],
      ["b.test", 7 * 24 * 3_600_000],
    ]),
  );
});

test("an address stays while a connection to it lives", async () => {
  const names = make();
  await names.admit(answer("a.test", "192.0.2.1"));
  connected.add("192.0.2.1");
  now += 100_000;
  await names.sweep();
  expect(isAllowed("192.0.2.1")).toBe(true);
  expect(names.list()).toMatchObject([{ name: "a.test", source: "connection" }]);
  connected.clear();
  await names.sweep();
  expect(isAllowed("192.0.2.1")).toBe(false);
});

test("ten thousand answers at once are few changes of policy, and all that wait are answered", async () => {
  const names = make();
  kernel.writes.length = 0;
  const all = Array.from({ length: 10_000 }, (_, i) =>
    names.admit(answer(`n${i}.test`, `198.18.${i >> 8}.${i & 255}`)),
  );
  expect(changes.length).toBe(1);
  expect(new Set(await Promise.all(all))).toEqual(new Set(["admitted"]));
  expect(kernel.writes).toHaveLength(10_000);
  expect(kernel.writes.every((what) => what.startsWith("ipcache"))).toBe(true);
});

test("a name that no rule speaks of is known when one comes to speak of it", async () => {
  const names = make();
  names.hear(answer("a.else", "192.0.2.1"));
  await changes.idle();
  expect(isAllowed("192.0.2.1")).toBe(false);
  const later = ciliumPolicy("web", { egress: [{ toFQDNs: [{ matchName: "a.else" }] }] });
  await enforcement.replacePolicy(new PolicyEngine(objectsOf(later)), { always: true });
  expect(isAllowed("192.0.2.1")).toBe(true);
});

test("what has no room is refused, and so is what comes when kernel or disk fail; what was there stays", async () => {
  const names = make({ pairsOfEndpoint: 1 });
  expect(await names.admit(answer("a.test", "192.0.2.1"))).toBe("admitted");
  expect(await names.admit(answer("b.test", "192.0.2.2"))).toBe("refused");
  expect(names.counts).toMatchObject({ admitted: 1, refused: 1 });
  const broken = make();
  kernel.onWrite = () => {
    throw new Error("EIO");
  };
  expect(await broken.admit(answer("c.test", "192.0.2.3"))).toBe("refused");
  kernel.onWrite = () => {};
  expect(isAllowed("192.0.2.1")).toBe(true);
  expect(await broken.admit(answer("d.test", "192.0.2.4"))).toBe("admitted");
});

test("answers that come before policy is in force wait for it", async () => {
  const names = idle();
  const admitted = names.admit(answer("a.test", "192.0.2.1"));
  await changes.idle();
  expect(isAllowed("192.0.2.1")).toBe(false);
  running.push(names.run(new FakeClock(), stop.signal));
  expect(await admitted).toBe("admitted");
  expect(isAllowed("192.0.2.1")).toBe(true);
});

test("the next life knows what this one has learned; what ended meanwhile stays only where a connection lives", async () => {
  const first = make();
  await first.admit(answer("a.test", "192.0.2.1", 600));
  await first.admit(answer("b.test", "192.0.2.2", 10));
  await first.admit(answer("c.test", "192.0.2.3", 10));
  now += 60_000;
  connected.add("192.0.2.3");
  const second = idle();
  expect(await second.restore(journal)).toEqual(
    new Map([
      ["192.0.2.1", ["a.test"]],
      ["192.0.2.3", ["c.test"]],
    ]),
  );
});

test("addresses that had no room are not kept for the next life", async () => {
  const names = make({ pairsOfEndpoint: 2 });
  const addresses = Array.from({ length: 4_000 }, (_, i) => ({ address: `10.1.${i >> 8}.${i & 255}`, ttl: 60 }));
  expect(await names.admit({ name: "a.test", addresses, endpoint: 2 })).toBe("refused");
  expect(await names.admit(answer("b.test", "192.0.2.1"))).toBe("refused");
  expect(journal.map(({ name, addresses: kept }) => [name, kept.length])).toEqual([["a.test", 2]]);
});

test("answers with thousands of addresses wait in no greater number than others", async () => {
  const names = idle();
  const addresses = Array.from({ length: 4_000 }, (_, i) => ({ address: `10.1.${i >> 8}.${i & 255}`, ttl: 60 }));
  for (let i = 0; i < 100; i++) names.hear({ name: `${i}.other`, addresses, endpoint: 3 });
  expect(names.counts.refused).toBeGreaterThan(30);
  running.push(names.run(new FakeClock(), stop.signal));
  expect(await names.admit(answer("a.test", "192.0.2.1"))).toBe("admitted");
});
