import { expect, test } from "vitest";
import type { CiliumPorts } from "#policy/model/cilium-object.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { GET, ciliumPolicy, ciliumRule, onPort, portItem } from "#test/support/cilium-objects.ts";
import {
  clusterPolicy,
  clusterRule,
  kubernetesPolicy,
  kubernetesRule,
  pod,
  tcp,
} from "#test/support/policy-objects.ts";

const flow = tcp(pod("n/a", "10.0.0.1"), pod("n/b", "10.0.0.2"));
const http = portItem([onPort(80)], GET);
const plain = portItem([onPort(80)]);
const elsewhere = portItem([onPort(81)]);

function ingress(...objects: PolicyObject[]): string {
  const { verdict, rules } = judge(objects, flow).ingress;
  return [verdict, ...rules.map((rule) => rule.replace("CiliumNetworkPolicy n/c ", ""))].join(" ");
}

/** Rules with these items each. */
function rules(...items: CiliumPorts[][]): PolicyObject {
  return ciliumPolicy({ ingress: items.map((ports) => ciliumRule({ ports })) });
}

test("an item with rules about requests redirects", () => {
  expect(ingress(rules([http]))).toBe("redirect ingress[0]");
  expect(ingress(rules([{ ...elsewhere, l7: GET }]))).toBe("deny");
});

test("an item with names of servers redirects", () => {
  expect(ingress(rules([{ ...plain, serverNames: ["example.com"] }]))).toBe("redirect ingress[0]");
});

test("the other end says its own", () => {
  expect(judge([rules([http])], flow).egress.verdict).toBe("allow");
  expect(judge([ciliumPolicy({ egress: [ciliumRule({ ports: [http] })] })], flow)).toMatchObject({
    egress: { verdict: "redirect" },
    ingress: { verdict: "allow" },
  });
});

test("a redirect goes before plain allows, and only redirecting rules are named", () => {
  expect(ingress(rules([http], [plain], [http, elsewhere]))).toBe("redirect ingress[0] ingress[2]");
  expect(ingress(rules([http]), kubernetesPolicy({ ingress: [kubernetesRule()] }))).toBe("redirect ingress[0]");
});

test("the items of one rule are alternatives, each with its own word", () => {
  expect(ingress(rules([plain, http], [plain]))).toBe("redirect ingress[0]");
  expect(ingress(rules([plain, { ...elsewhere, l7: GET }], [plain]))).toBe("allow ingress[0] ingress[1]");
});

test("a deny goes before a redirect", () => {
  const ingressDeny = [ciliumRule({ ports: [plain] })];
  expect(ingress(ciliumPolicy({ ingress: [ciliumRule({ ports: [http] })], ingressDeny }))).toBe("deny ingressDeny[0]");
});

test("an accept of the tier Admin leaves the proxy out", () => {
  expect(ingress(rules([http]), clusterPolicy({ ingress: [clusterRule("Accept")] }))).toBe(
    "allow ClusterNetworkPolicy /cnp ingress[0]",
  );
});
