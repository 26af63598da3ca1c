import { expect, test } from "vitest";
import { NodeFlowContext } from "#agent/node/flow-context.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import type { Subject } from "#policy/model/identity.ts";
import { parseObjects } from "#policy/parse/objects.ts";

const subjectOf = (app: string): Subject => ({
  namespace: "shop",
  labels: { app },
  serviceAccount: "default",
  namedPorts: [],
});
const subjects = new Map([
  [300, subjectOf("web")],
  [301, subjectOf("db")],
]);

function objectsOf(text: string): PolicyObject[] {
  const parsed = parseObjects(text, "web.yaml");
  if (!parsed.ok) throw new Error("the fixture is wrong");
  return parsed.objects;
}

/** A node whose endpoint 7 has one identity after the other, while one policy isolates `app: web`. */
function relabelled() {
  const objects = objectsOf(`apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}
`);
  let identity = 300;
  const endpoint = () => ({
    record: {
      id: 7,
      incarnation: 9,
      identity,
      ifindex: 5,
      hostInterface: "weir7",
      namespace: "shop",
      pod: "a",
      labels: {},
    },
    subject: subjects.get(identity) as Subject,
  });
  const context = new NodeFlowContext({
    config: { nodeName: "n1" },
    clock: { wallNanoseconds: (boot) => boot, now: () => new Date() },
    endpoints: { list: () => [endpoint()], get: (id) => (id === 7 ? endpoint() : undefined) },
    pods: { find: () => undefined },
    devices: { present: [] },
    identities: { subject: (id) => subjects.get(id) },
    references: { lookup: () => [] },
    names: { namesOf: (address) => (address === "192.0.2.80" ? names : []) },
    outsiders: { party: () => undefined },
    enforcement: { outsiders: { ownLabels: {} } },
    policy: { objects, at: () => ({ objects, options: {} }) },
  });
  return { context, become: (next: number) => void (identity = next) };
}

/** What 192.0.2.80 is called now. */
let names = ["www.example.org"];

const query = (identity: number) => ({ endpoint: 7, identity, address: "10.0.0.7" });

test("an event of before a pod got other labels has the labels that its identity stands for", () => {
  const { context, become } = relabelled();
  become(301);
  expect(context.party(query(300)).labels).toContain("k8s:app=web");
  expect(context.party(query(301)).labels).toContain("k8s:app=db");
});

test("who isolated a pod is told by the labels that it had when it was judged", () => {
  const { context, become } = relabelled();
  const party = context.party(query(300));
  const end = { direction: "ingress", party, generation: 1n } as const;
  become(301);
  expect(context.isolation(end).isolatedBy).toMatchObject([{ name: "web" }]);
});

test("an address outside has the DNS names that it had when its packet was seen", () => {
  const { context } = relabelled();
  const outside = { endpoint: 0, identity: 2, address: "192.0.2.80" };
  const before = context.party(outside);
  names = ["example.org"];
  expect([before.names, context.party(outside).names]).toEqual([["www.example.org"], ["example.org"]]);
  expect(context.party({ ...outside, address: "192.0.2.81" }).names).toBeUndefined();
  expect(context.party(outside)).toBe(context.party(outside));
});
