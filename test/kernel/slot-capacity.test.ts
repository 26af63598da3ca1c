import { beforeEach, expect, test } from "vitest";
import { PolicyEngine } from "#policy/compile/engine.ts";
import { Datapath } from "#test/support/datapath.ts";
import { makeEndpoint, makeEnforcement, MemoryClasses, MemoryReferences } from "#test/support/enforcement.ts";
import { needs } from "#test/support/requirement.ts";
import { fromClient80, objectsOf, serverPolicy } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

const subject = (app: string, n: number) => ({
  namespace: "default",
  labels: { app, n: String(n) },
  serviceAccount: "default",
  namedPorts: [],
});

test("after --policy-map-entries was raised, pods can come that did not fit before", async () => {
  using first = new Datapath({ policyEntries: 16 });
  const references = new MemoryReferences();
  const classes = new MemoryClasses();
  const engine = () => new PolicyEngine(objectsOf(serverPolicy(fromClient80)));
  const client = (n: number) => makeEndpoint(10 + n, subject("client", n), 300 + n);
  const endpoints = [makeEndpoint(2, subject("server", 0), 256), ...Array.from({ length: 12 }, (_, n) => client(n))];
  const { enforcement } = makeEnforcement(first.kernel, references, classes);
  for (const endpoint of endpoints) await enforcement.add(endpoint);
  await enforcement.replacePolicy(engine(), { always: true });

  using kernel = first.reopen({ policyEntries: 4096 });
  const next = makeEnforcement(kernel, references, classes).enforcement;
  await next.restore(engine(), endpoints);
  for (let n = 12; n < 40; n++) await next.add(client(n));
  expect(next.views.slotOf(2)?.content.entries.size).toBeGreaterThan(40);
});
