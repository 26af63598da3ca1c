import fc from "fast-check";
import { expect, test } from "vitest";
import { PolicyEngine } from "#policy/compile/engine.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { parseObjects } from "#policy/parse/objects.ts";
import { makeEndpoint, makeEnforcement } from "#test/support/enforcement.ts";
import { MemoryKernel } from "#test/support/memory-kernel.ts";
import { networkPolicy } from "#test/support/network-policy.ts";

const UNMANAGED = 3;
const first = "10.0.0.0/24";
const ranges = ["10.1.0.0/24", "10.1.1.0/24", "10.8.0.0/13", "fd00::/64"];
const blocks = ["10.0.0.0/8", "10.1.0.0/16", "10.1.0.128/25", "10.1.0.7/32", "10.9.0.0/16", "fd00::/16", "0.0.0.0/0"];
const web = { namespace: "default", labels: { app: "web" }, serviceAccount: "default", namedPorts: [] };

function policyOf(cidrs: readonly string[]): readonly PolicyObject[] {
  const ingress = cidrs.map((cidr) => ({ from: [{ ipBlock: { cidr } }] }));
  const result = parseObjects(networkPolicy({ name: "web", selects: { app: "web" }, ingress }), "f");
  if (!result.ok) throw new Error(JSON.stringify(result.errors));
  return result.objects;
}

const reserved = (prefixes: readonly string[]) => prefixes.map((prefix) => ({ prefix, identity: UNMANAGED }));

/** What the ipcache says of every prefix, and whether policy speaks of it, with the ranges as they were before and after the policy. */
async function ipcacheOf(cidrs: readonly string[], before: readonly string[], after: readonly string[]) {
  const kernel = new MemoryKernel();
  const { enforcement, classes } = makeEnforcement(kernel);
  enforcement.setReserved(reserved([first, ...before]));
  await enforcement.restore(new PolicyEngine(policyOf(cidrs)), []);
  await enforcement.add(makeEndpoint(7, web, 256));
  enforcement.setReserved(reserved([first, ...after]));
  const judged = new Set([...kernel.policies.read().values()].flat().map(({ peer }) => peer));
  return kernel.ipcache
    .read()
    .map(({ prefix, identity, addressClass }) => {
      return [prefix, identity, classes.lookup(addressClass)?.toSorted() ?? [], judged.has(addressClass)];
    })
    .toSorted();
}

const some = (all: readonly string[]) => fc.subarray([...all]);

test("ranges that come and go live leave the same ipcache as if they had always been so", async () => {
  await fc.assert(
    fc.asyncProperty(some(blocks), some(ranges), some(ranges), async (cidrs, before, after) => {
      expect(await ipcacheOf(cidrs, before, after)).toEqual(await ipcacheOf(cidrs, after, after));
    }),
  );
});
