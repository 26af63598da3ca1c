import { describe, expect, test } from "vitest";
import type { ClusterPolicyObject, ClusterRule } from "#policy/model/cluster-object.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { ciliumPolicy, ciliumRule } from "#test/support/cilium-objects.ts";
import {
  EVERY,
  clusterPolicy,
  clusterRule,
  kubernetesPolicy,
  kubernetesRule,
  labelled,
  pod,
  tcp,
} from "#test/support/policy-objects.ts";

const flow = tcp(pod("n/a", "10.0.0.1"), pod("n/b", "10.0.0.2"));

/** Verdict and rules of the ingress, in any order of the objects. */
function ingress(...objects: PolicyObject[]): string {
  const told = [objects, [...objects].reverse()].map((all) => judge(all, flow).ingress);
  expect(told[1]).toEqual(told[0]);
  return [told[0]?.verdict, ...(told[0]?.rules ?? [])].join(", ");
}

function admin(name: string, priority: number, ...rules: (ClusterRule | ClusterRule["action"])[]): ClusterPolicyObject {
  const full = rules.map((rule) => (typeof rule === "string" ? clusterRule(rule) : rule));
  return clusterPolicy({ name, priority, ingress: full });
}

function baseline(name: string, priority: number, ...rules: ClusterRule["action"][]): ClusterPolicyObject {
  return { ...admin(name, priority, ...rules), tier: "Baseline" };
}

/** Matches nobody, and only takes up a place. */
const nobody = clusterRule("Deny", { peers: [{ kind: "pods", namespaces: EVERY, pods: labelled({ app: "nobody" }) }] });
const closed = kubernetesPolicy({ ingress: [] });
const open = kubernetesPolicy({ ingress: [kubernetesRule()] });
const denied = ciliumPolicy({ ingressDeny: [ciliumRule({ entities: ["all"] })] });

describe("the tier Admin", () => {
  test("goes before all others", () => {
    expect(ingress(admin("x", 1, "Accept"), denied, closed)).toBe("allow, ClusterNetworkPolicy /x ingress[0]");
    expect(ingress(admin("x", 1, "Deny"), open)).toBe("deny, ClusterNetworkPolicy /x ingress[0]");
  });

  test("the least priority decides, then the least place", () => {
    expect(ingress(admin("x", 1, "Accept"), admin("y", 2, "Deny"))).toBe("allow, ClusterNetworkPolicy /x ingress[0]");
    expect(ingress(admin("x", 2, "Accept"), admin("y", 1, nobody, "Deny"))).toBe(
      "deny, ClusterNetworkPolicy /y ingress[1]",
    );
    expect(ingress(admin("x", 1, "Accept", "Deny"))).toBe("allow, ClusterNetworkPolicy /x ingress[0]");
    expect(ingress(admin("x", 1, nobody, "Deny"), admin("y", 1, "Accept"))).toBe(
      "allow, ClusterNetworkPolicy /y ingress[0]",
    );
  });

  test("at equal places a deny goes before a pass, and that before an accept", () => {
    expect(ingress(admin("x", 1, "Accept"), admin("y", 1, "Pass"), admin("z", 1, "Deny"))).toBe(
      "deny, ClusterNetworkPolicy /z ingress[0]",
    );
    expect(ingress(admin("x", 1, "Accept"), admin("y", 1, "Pass"))).toBe("allow");
  });

  test("equal rules at equal places are all named, of whichever kind", () => {
    const old = { ...admin("z", 1, "Accept"), kind: "AdminNetworkPolicy" } as const;
    expect(ingress(admin("x", 1, "Accept"), old, admin("y", 1, nobody, "Accept"))).toBe(
      "allow, AdminNetworkPolicy /z ingress[0], ClusterNetworkPolicy /x ingress[0]",
    );
  });

  test("a pass leaves it to the normal tier, past every other rule of its own tier, and is not named", () => {
    const pass = [admin("x", 1, "Pass", "Deny"), admin("y", 2, "Deny")];
    expect(ingress(...pass)).toBe("allow");
    expect(ingress(...pass, open)).toBe("allow, NetworkPolicy n/np ingress[0]");
    expect(ingress(...pass, closed)).toBe("deny");
    expect(ingress(...pass, denied)).toBe("deny, CiliumNetworkPolicy n/c ingressDeny[0]");
  });

  test("a pass leaves it to the last tier where no normal policy isolates", () => {
    expect(ingress(admin("x", 1, "Pass"), baseline("d", 1, "Deny"))).toBe("deny, ClusterNetworkPolicy /d ingress[0]");
    expect(ingress(admin("x", 1, "Pass"), baseline("d", 1, "Deny"), open)).toBe("allow, NetworkPolicy n/np ingress[0]");
  });

  test("a deny after a pass of another flow decides", () => {
    const pass = clusterRule("Pass", { ports: [{ kind: "range", protocol: "TCP", first: 81, last: 90 }] });
    expect(ingress(admin("x", 1, pass, "Deny"))).toBe("deny, ClusterNetworkPolicy /x ingress[1]");
  });
});

describe("the normal tier", () => {
  test("policies of all its languages add up", () => {
    const cilium = ciliumPolicy({ ingress: [ciliumRule({ entities: ["cluster"] })] });
    const clusterwide = { ...cilium, kind: "CiliumClusterwideNetworkPolicy", namespace: "" } as const;
    expect(ingress(cilium, closed, open, clusterwide)).toBe(
      "allow, CiliumClusterwideNetworkPolicy /c ingress[0], CiliumNetworkPolicy n/c ingress[0], NetworkPolicy n/np ingress[0]",
    );
    expect(ingress(cilium, open, denied)).toBe("deny, CiliumNetworkPolicy n/c ingressDeny[0]");
  });
});

describe("the tier Baseline", () => {
  test("decides where no policy isolates, by priority and place", () => {
    expect(ingress(baseline("x", 2, "Deny"), baseline("y", 1, "Accept"))).toBe(
      "allow, ClusterNetworkPolicy /y ingress[0]",
    );
    const old = { ...baseline("default", 1001, "Accept"), kind: "BaselineAdminNetworkPolicy" } as const;
    expect(ingress(old)).toBe("allow, BaselineAdminNetworkPolicy /default ingress[0]");
    expect(ingress(old, baseline("x", 1000, "Deny"))).toBe("deny, ClusterNetworkPolicy /x ingress[0]");
  });

  test("a pass is an accept, and is named", () => {
    expect(ingress(baseline("x", 1, "Pass", "Deny"), baseline("y", 2, "Deny"))).toBe(
      "allow, ClusterNetworkPolicy /x ingress[0]",
    );
    expect(ingress(baseline("x", 1, "Pass"), baseline("y", 1, "Accept"))).toBe(
      "allow, ClusterNetworkPolicy /x ingress[0]",
    );
  });

  test("is not reached by pods that a policy isolates", () => {
    expect(ingress(baseline("x", 1, "Accept"), closed)).toBe("deny");
    expect(ingress(baseline("x", 1, "Deny"), open)).toBe("allow, NetworkPolicy n/np ingress[0]");
  });

  test("is reached where a policy speaks without isolating, after its rules", () => {
    const defaultDeny = { ingress: false, egress: false };
    const allows = ciliumPolicy({ ingress: [ciliumRule({ entities: ["cluster"] })], defaultDeny });
    const other = ciliumPolicy({ ingress: [ciliumRule({ entities: ["world"] })], defaultDeny });
    expect(ingress(baseline("x", 1, "Deny"), allows)).toBe("allow, CiliumNetworkPolicy n/c ingress[0]");
    expect(ingress(baseline("x", 1, "Deny"), other)).toBe("deny, ClusterNetworkPolicy /x ingress[0]");
  });
});

test("a policy of a tier is for its subjects only, by their namespace's labels and their own", () => {
  const of = (namespaces: string, pods: string): ClusterPolicyObject =>
    clusterPolicy({
      ingress: [clusterRule("Deny")],
      subject: { namespaces: labelled({ "kubernetes.io/metadata.name": namespaces }), pods: labelled({ app: pods }) },
    });
  expect(ingress(of("n", "b"))).toBe("deny, ClusterNetworkPolicy /cnp ingress[0]");
  expect(ingress(of("n", "a"))).toBe("allow");
  expect(ingress(of("m", "b"))).toBe("allow");
});
