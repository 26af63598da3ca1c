import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { KernelNamedAddresses } from "#agent/datapath/kernel-named-addresses.ts";
import type { Enforcement } from "#agent/endpoint/enforcement.ts";
import { AwayJournal } from "#agent/proxy/away-journal.ts";
import { AwayNames } from "#agent/proxy/away-names.ts";
import type { Admission } from "#agent/proxy/names.ts";
import { PolicyEngine } from "#policy/compile/engine.ts";
import { objectsOf } from "#test/support/cilium-text.ts";
import { Action, Datapath } from "#test/support/datapath.ts";
import { makeEndpoint, makeEnforcement } from "#test/support/enforcement.ts";
import { ciliumPolicy } from "#test/support/object-text.ts";
import { needs, unmet } from "#test/support/requirement.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

const subject = { namespace: "default", labels: { app: "web" }, serviceAccount: "", namedPorts: [] };
const pod = { ...makeEndpoint(2, subject, 256), ifindex: 1000 };
const objects = (...names: string[]) =>
  objectsOf(
    ciliumPolicy("web", {
      egress: [{ toFQDNs: names.map((matchPattern) => ({ matchPattern })) }],
      egressDeny: [{ toCIDR: ["198.51.100.0/24"] }],
    }),
  );

beforeEach(needs("root"));

let stack: DisposableStack;
let datapath: Datapath;
let enforcement: Enforcement;
let names: AwayNames;
let port = 20_000;

beforeAll(async () => {
  if (unmet("root") !== undefined) return;
  stack = new DisposableStack();
  datapath = stack.use(new Datapath());
  ({ enforcement } = makeEnforcement(datapath.kernel));
  await enforcement.add(pod);
  const writer = stack.use(new KernelNamedAddresses(datapath.pinFolder));
  names = new AwayNames({
    journal: new AwayJournal(stack.use(new TemporaryFolder()).path, "boot"),
    writer: () => writer,
    fallback: 2,
    now: () => 0,
    failed: (error) => {
      throw error;
    },
  });
});
afterAll(() => stack?.[Symbol.dispose]());

beforeEach(async () => {
  await enforcement.replacePolicy(new PolicyEngine(objects("*.test")), { always: true });
  names.rules = { ...enforcement.views.nameRules(), minTtl: 0, denial: "refused" };
});

function admit(name: string, address: string): Admission | null {
  return names.admit({ name, addresses: [{ address, ttl: 60 }], endpoint: 2 });
}

function passes(destination: string, sport = port++): boolean {
  const transport = { kind: "tcp", sport, dport: 443, flags: ["SYN"] } as const;
  const frame = datapath.packet(pod, { source: "10.0.0.2", destination, transport });
  return datapath.send(pod, frame).action === Action.next;
}

test("without an agent the proxy lets the kernel know a name's new address, also for a connection that was refused before", () => {
  expect(passes("192.0.2.1", 10_000)).toBe(false);
  expect(admit("a.test", "192.0.2.1")).toBe("admitted");
  expect(passes("192.0.2.1", 10_000)).toBe(true);
  expect(passes("192.0.2.1")).toBe(true);
  expect(passes("192.0.2.2")).toBe(false);
});

test("what rules say of the address's range holds on", () => {
  expect(admit("a.test", "198.51.100.1")).toBe("refused");
  expect(passes("198.51.100.1")).toBe(false);
});

test("when another policy came into force, of which the proxy was not told, it gives nobody a class of the old one", async () => {
  await enforcement.replacePolicy(new PolicyEngine(objects("b.test")), { always: true });
  expect(admit("a.test", "203.0.113.1")).toBe("refused");
  expect(passes("203.0.113.1")).toBe(false);
});

test("the node's addresses and those of pods get nothing", () => {
  const before = datapath.kernel.ipcache.read();
  for (const address of ["10.0.0.1", "10.0.0.2", "10.0.0.99", "127.0.0.1"])
    expect(admit("a.test", address)).toBe("admitted");
  expect(datapath.kernel.ipcache.read()).toEqual(before);
});
