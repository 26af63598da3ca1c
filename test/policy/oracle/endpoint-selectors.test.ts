import { describe, expect, test } from "vitest";
import type { LabelSelector } from "#policy/model/selector.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { ciliumPolicy, ciliumRule, clusterwidePolicy } from "#test/support/cilium-objects.ts";
import { EVERY, HOST, WORLD, expression, labelled, namespace, pod, tcp } from "#test/support/policy-objects.ts";

const NAMESPACE = "io.kubernetes.pod.namespace";
const TEAM = "io.cilium.k8s.namespace.labels.team";
const ACCOUNT = "io.cilium.k8s.policy.serviceaccount";
const CLUSTER = "io.cilium.k8s.policy.cluster";

const self = pod("n/self", "10.0.0.9");
const parties = {
  "n/web": pod("n/web", "10.0.0.1"),
  "m/web": pod("m/web", "10.0.0.2", { serviceAccount: "robot" }),
  "m/db": pod("m/db", "10.0.0.3"),
  host: HOST,
  world: WORLD,
};
const objects = [namespace("m", { team: "a" }), namespace("n")];

/** Those whom a selector among the peers means. */
function meant(selector: LabelSelector, where: "n" | "everywhere"): string {
  const rule = ciliumRule({ endpoints: [selector] });
  const policy = where === "n" ? ciliumPolicy({ egress: [rule] }) : clusterwidePolicy({ egress: [rule] });
  const names = Object.entries(parties).filter(
    ([, party]) => judge([...objects, policy], tcp(self, party)).egress.verdict === "allow",
  );
  return names.map(([name]) => name).join(" ");
}

describe("peers", () => {
  test.each([
    ["everybody of the own namespace", EVERY, "n/web"],
    ["by label", labelled({ app: "web" }), "n/web"],
    ["by label, absent", expression("app", "NotIn", "web"), ""],
    ["by namespace", labelled({ [NAMESPACE]: "m" }), "m/web m/db"],
    ["by namespace and label", labelled({ [NAMESPACE]: "m", app: "web" }), "m/web"],
    ["by any namespace", expression(NAMESPACE, "Exists"), "n/web m/web m/db"],
    ["by other namespaces", expression(NAMESPACE, "NotIn", "n"), "m/web m/db"],
    ["by a namespace's labels", labelled({ [TEAM]: "a" }), "m/web m/db"],
    ["by a namespace's missing label", expression(TEAM, "DoesNotExist"), "n/web"],
    ["by account, in the own namespace", labelled({ [ACCOUNT]: "robot" }), ""],
    ["by account and namespace", labelled({ [ACCOUNT]: "robot", [NAMESPACE]: "m" }), "m/web"],
    ["by cluster", labelled({ [CLUSTER]: "default" }), "n/web"],
    ["by another cluster", labelled({ [CLUSTER]: "other" }), ""],
    ["by a reserved party", labelled({ "reserved:host": "" }), "host"],
    ["by a reserved party, there", expression("reserved:world", "Exists"), "world"],
    ["by a reserved party with a label", labelled({ "reserved:host": "", app: "web" }), ""],
    ["by a reserved party without a label", { ...labelled({ "reserved:host": "" }), ...withoutApp() }, "host"],
  ])("of a namespaced policy %s", (_, selector, expected) => {
    expect(meant(selector, "n")).toBe(expected);
  });

  test.each([
    ["every pod, and nobody else", EVERY, "n/web m/web m/db"],
    ["by label", labelled({ app: "web" }), "n/web m/web"],
    ["by namespace", labelled({ [NAMESPACE]: "n" }), "n/web"],
    ["by account", labelled({ [ACCOUNT]: "robot" }), "m/web"],
    ["by a reserved party", labelled({ "reserved:world": "" }), "world"],
  ])("of a clusterwide policy %s", (_, selector, expected) => {
    expect(meant(selector, "everywhere")).toBe(expected);
  });

  test("that are an empty list are nobody, and that are not there with nothing else neither", () => {
    const verdict = (endpoints: LabelSelector[] | null): string =>
      judge([ciliumPolicy({ egress: [ciliumRule({ endpoints })] })], tcp(self, parties["n/web"])).egress.verdict;
    expect([verdict([EVERY]), verdict([]), verdict(null)]).toEqual(["allow", "deny", "deny"]);
  });
});

describe("those whom a policy governs", () => {
  const governs = (selector: LabelSelector, where: "m" | "everywhere"): string => {
    const more = { endpoints: selector, ingress: [ciliumRule()] };
    const policy = where === "m" ? ciliumPolicy(more, { namespace: "m" }) : clusterwidePolicy(more);
    return Object.entries(parties)
      .filter(([, party]) => judge([...objects, policy], tcp(self, party)).ingress.verdict === "deny")
      .map(([name]) => name)
      .join(" ");
  };

  test.each([
    ["all of its namespace", EVERY, "m/web m/db"],
    ["by its own namespace", labelled({ [NAMESPACE]: "m" }), "m/web m/db"],
    ["nobody of another namespace", labelled({ [NAMESPACE]: "n" }), ""],
    ["by the namespace's labels", labelled({ [TEAM]: "a", app: "db" }), "m/db"],
    ["by account", labelled({ [ACCOUNT]: "robot" }), "m/web"],
    ["no reserved party", labelled({ "reserved:host": "" }), ""],
  ])("%s", (_, selector, expected) => {
    expect(governs(selector, "m")).toBe(expected);
  });

  test.each([
    ["all pods", EVERY, "n/web m/web m/db"],
    ["by namespace", labelled({ [NAMESPACE]: "n" }), "n/web"],
    ["by a namespace's labels", expression(TEAM, "In", "a", "b"), "m/web m/db"],
  ])("of a clusterwide policy: %s", (_, selector, expected) => {
    expect(governs(selector, "everywhere")).toBe(expected);
  });
});

test("a pod's own labels cannot say what only the cluster says", () => {
  const liar = pod("x/liar", "10.0.0.4", {
    labels: { [NAMESPACE]: "n", [TEAM]: "a", [ACCOUNT]: "robot", "reserved:host": "" },
  });
  for (const [key, value] of Object.entries(liar.subject.labels)) {
    const policy = clusterwidePolicy({ egress: [ciliumRule({ endpoints: [labelled({ [key]: value })] })] });
    const { verdict } = judge([...objects, policy], tcp(self, liar)).egress;
    expect(verdict, key).toBe("deny");
  }
});

function withoutApp(): Pick<LabelSelector, "matchExpressions"> {
  return { matchExpressions: [{ key: "app", operator: "DoesNotExist", values: [] }] };
}
