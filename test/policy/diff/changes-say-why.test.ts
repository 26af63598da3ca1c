import { expect, test } from "vitest";
import { diffPolicies } from "#policy/diff/diff.ts";
import {
  clusterPolicy,
  clusterRule,
  kubernetesPolicy,
  kubernetesRule,
  labelled,
  peerOf,
} from "#test/support/policy-objects.ts";
import { shop } from "./shop.ts";

const db = labelled({ app: "db" });
const fromWeb = (port: number, file: string) =>
  kubernetesPolicy({
    name: "db",
    podSelector: db,
    source: { file, line: 1 },
    ingress: [
      kubernetesRule({
        line: 7,
        peers: [peerOf({ podSelector: labelled({ app: "web" }) })],
        ports: [{ protocol: "TCP", port, endPort: null }],
      }),
    ],
  });

const place = { kind: "NetworkPolicy", namespace: "n", name: "db", rule: "ingress[0]", line: 7 };

test("the rules of the ends that say something else, what is nearest, and an example", () => {
  const { changes, classes, isComplete } = diffPolicies(
    [...shop, fromWeb(80, "old.yaml")],
    [...shop, fromWeb(81, "new.yaml")],
  );
  expect(changes).toMatchObject([
    {
      before: "allow",
      after: "deny",
      ends: ["ingress"],
      by: { before: [{ ...place, file: "old.yaml" }], after: [] },
      nearest: { ...place, file: "new.yaml", because: "port 80 is not 81" },
      traffic: [{ protocol: "TCP", first: 80, last: 80 }],
      example: {
        from: "n/web-1",
        to: "n/db-0",
        protocol: "TCP",
        port: 80,
        kinds: ["pod", "pod"],
        canBeEvaluated: true,
      },
      source: { kind: "pod", count: 2, example: "n/web-1", members: [{ name: "n/web-1" }, { name: "n/web-2" }] },
    },
    { before: "deny", after: "allow", by: { before: [], after: [{ ...place, file: "new.yaml" }] }, nearest: null },
  ]);
  expect([classes > 100, isComplete]).toEqual([true, true]);
});

test("the end whose verdict stays is no reason", () => {
  const egress = kubernetesPolicy({ name: "out", egress: [kubernetesRule()] });
  const [change] = diffPolicies(
    [...shop, egress],
    [...shop, egress, kubernetesPolicy({ podSelector: db, ingress: [] })],
  ).changes;
  expect(change).toMatchObject({ ends: ["ingress"], by: { before: [], after: [] } });
});

test("a denial by a rule has no near miss", () => {
  const deny = clusterPolicy({ ingress: [clusterRule("Deny")] });
  const [change] = diffPolicies(shop, [...shop, deny]).changes;
  expect(change).toMatchObject({ after: "deny", nearest: null, by: { after: [{ name: "cnp", rule: "ingress[0]" }] } });
});

test("where several rules decide all of them are told, each once", () => {
  const rules = [80, 81].map((port) => fromWeb(port, "a.yaml").ingress[0] ?? kubernetesRule());
  const both = { ...fromWeb(80, "a.yaml"), ingress: rules };
  const none = { ...both, ingress: [] };
  const [change] = diffPolicies([...shop, both], [...shop, none]).changes;
  expect(change?.by.before.map(({ rule }) => rule)).toEqual(["ingress[0]", "ingress[1]"]);
  expect(change?.ports).toBe("80-81");
});
