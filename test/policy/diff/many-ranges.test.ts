import { expect, test } from "vitest";
import { diffPolicies } from "#policy/diff/diff.ts";
import { DiffTooLargeError } from "#policy/diff/errors.ts";
import type { NetworkPolicyObject } from "#policy/model/object.ts";
import { NO_CONTROLS } from "#policy/model/controls.ts";
import { podObject, shop } from "./shop.ts";

/** Of so many ranges not each can be paired with each. */
const MANY = 40_000;

function policy(app: string, except: readonly string[] | null): NetworkPolicyObject {
  const ipBlock = except && { cidr: "10.0.0.0/8", except };
  return {
    kind: "NetworkPolicy",
    controls: NO_CONTROLS,
    namespace: "n",
    name: app,
    source: { file: "policy.yaml", line: 1 },
    podSelector: { matchLabels: { app }, matchExpressions: [] },
    policyTypes: ["Ingress"],
    ingress: ipBlock ? [{ line: 1, peers: [{ podSelector: null, namespaceSelector: null, ipBlock }], ports: [] }] : [],
    egress: [],
  };
}

const ranges = Array.from({ length: MANY }, (_, i) => `10.9.${i >> 8}.${i & 255}/32`);

test(`of ${MANY} exceptions the one that is new is told`, () => {
  const [last] = ranges.slice(-1) as [string];
  const before = policy("db", ranges.slice(0, -1));
  const { changes } = diffPolicies([...shop, before], [...shop, policy("db", ranges)]);
  expect(changes.map(({ source, before, after }) => [source.description, before, after])).toEqual([
    [last, "allow", "deny"],
  ]);
}, 120_000);

test("what cannot be compared in reasonable memory is refused before it is", () => {
  const apps = Array.from({ length: 300 }, (_, i) => `app${i}`);
  const pods = apps.map((app, i) => podObject(`n/${app}-0`, [`192.0.2.${i}`]));
  const objects = [...pods, ...apps.map((app) => policy(app, null)), policy("none", ranges)];
  let told = 0;
  const progress = (): void => void told++;
  expect(() => diffPolicies(objects, objects, { progress })).toThrow(DiffTooLargeError);
  expect(told).toBe(0);
}, 60_000);
