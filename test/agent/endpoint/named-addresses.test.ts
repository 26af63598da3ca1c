import { beforeEach, expect, test } from "vitest";
import type { Enforcement } from "#agent/endpoint/enforcement.ts";
import { PolicyEngine } from "#policy/compile/engine.ts";
import { objectsOf } from "#test/support/cilium-text.ts";
import { makeEndpoint, makeEnforcement, MemoryClasses, MemoryReferences } from "#test/support/enforcement.ts";
import { MemoryKernel } from "#test/support/memory-kernel.ts";
import { ciliumPolicy, together } from "#test/support/object-text.ts";

const subject = { namespace: "default", labels: { app: "web" }, serviceAccount: "", namedPorts: [] };
const web = makeEndpoint(2, subject, 256);

const toNames = (...names: string[]): string =>
  ciliumPolicy("web", { egress: [{ toFQDNs: names.map((matchPattern) => ({ matchPattern })) }] });

let kernel: MemoryKernel;
let enforcement: Enforcement;

beforeEach(async () => {
  kernel = new MemoryKernel();
  ({ enforcement } = makeEnforcement(kernel));
  await enforcement.add(web);
});

const apply = (text: string): Promise<void> =>
  enforcement.replacePolicy(new PolicyEngine(objectsOf(text)), { always: true });

const learn = (names: Record<string, readonly string[]>): Promise<Set<string>> =>
  enforcement.setNames(new Map(Object.entries(names)));

function verdict(destination: string): string {
  return kernel.judge({ source: "10.0.0.2", destination, protocol: 6, port: 443 }).egress.verdict;
}

test("an address that a name gets is a write of the ipcache, and none of policy", async () => {
  await apply(toNames("api.test", "*.cdn.test"));
  expect(verdict("192.0.2.1")).toBe("deny");
  kernel.writes.length = 0;
  expect(await learn({ "192.0.2.1": ["api.test"], "192.0.2.2": ["a.cdn.test"], "192.0.2.3": ["else.test"] })).toEqual(
    new Set(),
  );
  expect(kernel.writes).toEqual(["ipcache 192.0.2.1/32", "ipcache 192.0.2.2/32"]);
  expect(["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(verdict)).toEqual(["allow", "allow", "deny"]);
});

test("what policy says of names that came together is there before an address has them", async () => {
  await apply(together(toNames("api.test", "www.test")));
  kernel.writes.length = 0;
  await learn({ "192.0.2.1": ["api.test", "www.test"] });
  expect(kernel.writes.map((what) => what.split(" ")[0])).toEqual(["add", "ipcache"]);
  expect(verdict("192.0.2.1")).toBe("allow");
});

test("a pattern that comes later means names that were learned before, and one that goes means none", async () => {
  await learn({ "192.0.2.1": ["api.test"] });
  await apply(toNames("api.test"));
  expect(verdict("192.0.2.1")).toBe("allow");
  await apply(toNames("other.test"));
  expect(verdict("192.0.2.1")).toBe("deny");
  expect(kernel.ipcache.read().map(({ prefix }) => prefix)).not.toContain("192.0.2.1/32");
});

test("a name that its address loses allows nothing more, and what policy said of it goes with the next sweep", async () => {
  await apply(toNames("api.test", "www.test"));
  const before = enforcement.views.slotOf(2)?.content.entries.size;
  await learn({ "192.0.2.1": ["api.test", "www.test"] });
  await learn({ "192.0.2.1": [] });
  expect(verdict("192.0.2.1")).toBe("deny");
  await enforcement.collect();
  expect(enforcement.views.slotOf(2)?.content.entries.size).toBe(before);
});

test("a pod's, the node's, a loopback address and one in the range of pods are nobody's by a name", async () => {
  await enforcement.add(makeEndpoint(3, subject, 256));
  await apply(toNames("*"));
  kernel.writes.length = 0;
  const inside = ["10.0.0.1", "10.0.0.3", "10.0.0.77", "127.0.0.1", "169.254.169.254", "::1"];
  expect(await learn(Object.fromEntries(inside.map((address) => [address, ["evil.test"]])))).toEqual(new Set());
  expect(kernel.writes).toEqual([]);
  expect(inside.slice(0, 3).map(verdict)).toEqual(["deny", "deny", "deny"]);
});

test("at no moment of a change is a named address judged otherwise than by the old or by the new policy", async () => {
  const texts = [
    toNames("api.test"),
    together(toNames("*.test"), ciliumPolicy("web", { egressDeny: [{ toCIDR: ["192.0.2.0/30"] }] }, { name: "deny" })),
    together(
      toNames("*.test", "api.test", "www.test"),
      ciliumPolicy("web", { egressDeny: [{ toCIDR: ["192.0.2.0/24"] }] }, { name: "deny" }),
    ),
    ciliumPolicy("web", { egressDeny: [{ toCIDR: ["192.0.2.0/24"] }] }, { name: "deny" }),
    toNames("www.test"),
  ];
  const addresses = ["192.0.2.1", "192.0.2.5", "198.51.100.1", "203.0.113.9"];
  await learn({ "192.0.2.1": ["api.test"], "192.0.2.5": ["www.test", "api.test"], "198.51.100.1": ["www.test"] });
  const all = (): string => addresses.map(verdict).join();
  for (const text of [...texts, ...texts.toReversed()]) {
    const before = addresses.map(verdict);
    const seen = new Set<string>();
    kernel.onWrite = () => void seen.add(all());
    await apply(text);
    kernel.onWrite = () => {};
    const after = addresses.map(verdict);
    for (const one of seen) expect([before.join(), after.join()]).toContain(one);
  }
});

test("names that wait for a change of policy do not take what rules say of the address's range away meanwhile", async () => {
  const deny = ciliumPolicy(
    "web",
    { egress: [{ toEntities: ["world"] }], egressDeny: [{ toCIDR: ["10.0.0.0/16"] }] },
    { name: "deny" },
  );
  await apply(together(toNames("a.test", "b.test"), deny));
  await learn({ "10.0.0.77": ["a.test", "b.test"] });
  // The address was in the range of pods until now.
  enforcement.setReserved([]);
  const seen = new Set<string>();
  kernel.onWrite = () => void seen.add(verdict("10.0.0.77"));
  await apply(together(toNames("a.test", "b.test", "c.test"), deny));
  expect([...seen]).toEqual(["deny"]);
});

test("names that need more than three quarters of a policy's room wait until there is some", async () => {
  const full = new MemoryKernel();
  let capacity = 16_384;
  Object.defineProperty(full.policies, "capacity", { get: () => capacity });
  const { enforcement: tight } = makeEnforcement(full);
  const size = (): number => tight.views.slotOf(2)?.content.entries.size ?? 0;
  await tight.add(web);
  await tight.replacePolicy(new PolicyEngine(objectsOf(toNames("a.test", "b.test", "c.test"))), { always: true });
  const before = size();
  capacity = Math.ceil(((before + 1) * 4) / 3);
  const pairs = {
    "192.0.2.1": ["a.test", "b.test"],
    "192.0.2.2": ["a.test", "c.test"],
    "192.0.2.3": ["b.test", "c.test"],
  };
  expect(await tight.setNames(new Map(Object.entries(pairs)))).toEqual(new Set(["192.0.2.2", "192.0.2.3"]));
  expect(size()).toBe(before + 1);
  capacity = 16_384;
  await tight.collect();
  expect(size()).toBe(before + 3);
});

test("a policy that would not fit with the classes of all names comes into force, and names wait", async () => {
  const full = new MemoryKernel();
  let capacity = 16_384;
  Object.defineProperty(full.policies, "capacity", { get: () => capacity });
  const { enforcement: tight } = makeEnforcement(full);
  const reach = (address: string): string =>
    full.judge({ source: "10.0.0.2", destination: address, protocol: 6, port: 443 }).egress.verdict;
  const put = (text: string): Promise<void> => tight.replacePolicy(new PolicyEngine(objectsOf(text)), { always: true });
  const size = (): number => tight.views.slotOf(2)?.content.entries.size ?? 0;
  await tight.add(web);
  const allowed = toNames("a.test", "b.test", "c.test");
  await put(allowed);
  const pairs = { "192.0.2.1": ["a.test", "b.test"], "192.0.2.2": ["a.test", "c.test"], "192.0.2.3": ["b.test"] };
  expect(await tight.setNames(new Map(Object.entries(pairs)))).toEqual(new Set());
  capacity = size();
  // An entry more of everything.
  const denied = ciliumPolicy("web", { egressDeny: [{ toCIDR: ["198.51.100.0/24"] }] }, { name: "deny" });
  tight.checkPolicy(new PolicyEngine(objectsOf(together(allowed, denied))), {});
  expect(["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(reach)).toEqual(["allow", "allow", "allow"]);
  await put(together(allowed, denied));
  expect(["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(reach)).toEqual(["deny", "deny", "allow"]);
  expect(size()).toBeLessThanOrEqual(capacity);
  capacity = 16_384;
  await tight.collect();
  expect(["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(reach)).toEqual(["allow", "allow", "allow"]);
});

test("after a restart with the same names nothing is written", async () => {
  const references = new MemoryReferences();
  const classes = new MemoryClasses();
  const first = new MemoryKernel();
  const { enforcement: before } = makeEnforcement(first, references, classes);
  await before.add(web);
  const objects = objectsOf(toNames("api.test", "www.test"));
  await before.replacePolicy(new PolicyEngine(objects), { always: true });
  const names = new Map([
    ["192.0.2.1", ["api.test"]],
    ["192.0.2.2", ["api.test", "www.test"]],
  ]);
  await before.setNames(names);
  first.writes.length = 0;
  const { enforcement: after } = makeEnforcement(first, references, classes);
  expect(await after.restore(new PolicyEngine(objects), [web], undefined, names)).toBeNull();
  expect(first.writes.filter((what) => what !== "barrier")).toEqual([]);
});
