import { expect, test } from "vitest";
import type { EnforcementOptions } from "#agent/endpoint/enforcement-options.ts";
import type { Subject } from "#policy/model/identity.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { PolicyEngine } from "#policy/compile/engine.ts";
import { parseObjects } from "#policy/parse/objects.ts";
import { makeEndpoint, makeEnforcement, MemoryReferences } from "#test/support/enforcement.ts";
import { MemoryKernel } from "#test/support/memory-kernel.ts";

const subject = (app: string): Subject => ({ namespace: "n", labels: { app }, serviceAccount: "", namedPorts: [] });

/** Pods with `app: to` answer those with `app: from` on port 80, as the rule says. */
function policy(toPorts: string): PolicyObject[] {
  const parsed = parseObjects(
    [
      "apiVersion: cilium.io/v2",
      "kind: CiliumNetworkPolicy",
      "metadata: {name: web, namespace: n}",
      "spec:",
      "  endpointSelector: {matchLabels: {app: to}}",
      `  ingress: [{fromEndpoints: [{matchLabels: {app: from}}], toPorts: [{ports: [{port: "80", protocol: TCP}], ${toPorts}}]}]`,
    ].join("\n"),
    "web.yaml",
  );
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  return [...parsed.objects];
}
const get = policy("rules: {http: [{method: GET}]}");
const post = policy("rules: {http: [{method: POST}]}");
const names = policy("serverNames: [example.com]");

/** An enforcement whose kernel writes down, too, when the proxy was told of rules. */
function setUp() {
  const kernel = new MemoryKernel();
  const references = new MemoryReferences();
  const known = new Set<number>();
  const fresh = new Set<number>();
  const redirected: EnforcementOptions["redirected"] = {
    name: (reference) => void (known.has(reference) || fresh.add(reference)),
    told: async () => {
      await Promise.resolve();
      for (const reference of fresh) kernel.writes.push(`proxy knows ${said(reference)}`);
      for (const reference of fresh) known.add(reference);
      fresh.clear();
    },
    speakOf() {},
  };
  const said = (reference: number): string =>
    (references.rules[reference] ?? []).map(({ l7, serverNames }) => JSON.stringify(l7 ?? serverNames)).join();
  const { enforcement } = makeEnforcement(kernel, references, undefined, undefined, redirected);
  return { kernel, enforcement };
}

/** Whether the proxy was told of that before anything was written, in what has been written since `from`. */
function expectToldFirst(writes: readonly string[], words: string): void {
  expect(writes[0]).toContain("proxy knows");
  expect(writes[0]).toContain(words);
  expect(writes.filter((write) => write.startsWith("proxy"))).toHaveLength(1);
  expect(writes.length).toBeGreaterThan(1);
}

test.each([
  { what: "requests", objects: get, words: "GET" },
  { what: "TLS names", objects: names, words: "example.com" },
])("rules about $what are known to the proxy before a policy names them", async ({ objects, words }) => {
  const { kernel, enforcement } = setUp();
  await enforcement.add(makeEndpoint(2, subject("to"), 256));
  await enforcement.add(makeEndpoint(3, subject("from"), 257));
  kernel.writes.length = 0;
  await enforcement.replacePolicy(new PolicyEngine(objects), { always: true });
  expectToldFirst(kernel.writes, words);
});

test("the proxy is told of what a policy changes, and of nothing else", async () => {
  const { kernel, enforcement } = setUp();
  await enforcement.add(makeEndpoint(2, subject("to"), 256));
  await enforcement.add(makeEndpoint(3, subject("from"), 257));
  await enforcement.replacePolicy(new PolicyEngine(get), { always: true });
  kernel.writes.length = 0;
  await enforcement.replacePolicy(new PolicyEngine(post), { always: true });
  expectToldFirst(kernel.writes, "POST");
  kernel.writes.length = 0;
  await enforcement.replacePolicy(new PolicyEngine(policy("serverNames: []")), { always: true });
  expect(kernel.writes.filter((write) => write.startsWith("proxy"))).toEqual([]);
});

test("an identity that joins enters live slots after the proxy has been told of its rules", async () => {
  const { kernel, enforcement } = setUp();
  await enforcement.replacePolicy(new PolicyEngine(get), { always: true });
  await enforcement.add(makeEndpoint(2, subject("to"), 256));
  kernel.writes.length = 0;
  await enforcement.add(makeEndpoint(3, subject("from"), 257));
  expectToldFirst(kernel.writes, "GET");
});

test("an endpoint that joins has its slot after the proxy has been told of its rules", async () => {
  const { kernel, enforcement } = setUp();
  await enforcement.add(makeEndpoint(3, subject("from"), 257));
  await enforcement.replacePolicy(new PolicyEngine(get), { always: true });
  kernel.writes.length = 0;
  await enforcement.add(makeEndpoint(2, subject("to"), 256));
  expectToldFirst(kernel.writes, "GET");
});
