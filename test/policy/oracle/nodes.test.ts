import { describe, expect, test } from "vitest";
import type { Flow, Party } from "#policy/model/flow.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import type { LabelSelector } from "#policy/model/selector.ts";
import { judge } from "#policy/oracle/oracle.ts";
import {
  ciliumPolicy,
  ciliumRule,
  ciliumSpec,
  clusterwidePolicy,
  onPort,
  portItem,
} from "#test/support/cilium-objects.ts";
import {
  EVERY,
  WORLD,
  clusterPolicy,
  clusterRule,
  expression,
  labelled,
  pod,
  tcp,
} from "#test/support/policy-objects.ts";

const self = pod("n/self", "10.0.0.9");
const host: Party = { reserved: "host", address: "10.0.0.254", nodeLabels: { zone: "a" } };
const other: Party = { reserved: "remote-node", address: "10.0.0.253", nodeLabels: { zone: "b" } };
const bare: Party = { reserved: "remote-node", address: "10.0.0.252" };
const server: Party = { reserved: "kube-apiserver", address: "10.0.0.251", nodeLabels: { zone: "c" } };

describe("nodes as peers", () => {
  const parties = {
    host,
    other,
    bare,
    server,
    "server outside": { reserved: "kube-apiserver", address: "192.0.2.50" } as const,
    world: { ...WORLD, nodeLabels: { zone: "a" } },
    pod: pod("n/x", "10.0.0.1"),
  };
  const meant = (nodes: LabelSelector, language: "cilium" | "cluster"): string => {
    const peers = [{ kind: "nodes", selector: nodes }] as const;
    const policy =
      language === "cilium"
        ? ciliumPolicy({ egress: [ciliumRule({ nodes: [nodes] })] })
        : clusterPolicy({ egress: [clusterRule("Accept", { peers })] });
    const names = Object.entries(parties).filter(
      ([, party]) => judge([policy], tcp(self, party)).egress.rules.length > 0,
    );
    return names.map(([name]) => name).join(" ");
  };

  test.each(["cilium", "cluster"] as const)("by their labels: %s", (language) => {
    expect(meant(EVERY, language)).toBe("host other bare server");
    expect(meant(labelled({ zone: "a" }), language)).toBe("host");
    expect(meant(expression("zone", "NotIn", "a"), language)).toBe("other bare server");
  });
});

describe("policies about nodes", () => {
  const onPort22 = ciliumRule({ ports: [portItem([onPort(22)])] });
  const policy = clusterwidePolicy({ nodes: labelled({ zone: "a" }), ingress: [onPort22] });
  const ingress = (flow: Flow, ...objects: PolicyObject[]): string => {
    const { verdict, rules } = judge(objects, flow).ingress;
    return [verdict, ...rules].join(" ");
  };

  test("govern nodes by their labels, as destination and as source", () => {
    expect(ingress(tcp(WORLD, host, 22), policy)).toBe("allow CiliumClusterwideNetworkPolicy /cc ingress[0]");
    expect(ingress(tcp(WORLD, host, 80), policy)).toBe("deny");
    expect(ingress(tcp(WORLD, other, 80), policy)).toBe("allow");
    expect(ingress(tcp(WORLD, server, 80), clusterwidePolicy({ nodes: EVERY, ingress: [onPort22] }))).toBe("deny");
    const egress = clusterwidePolicy({ nodes: EVERY, egress: [onPort22] });
    expect(judge([egress], tcp(host, WORLD, 80)).egress.verdict).toBe("deny");
    expect(judge([egress], tcp(other, WORLD, 22)).egress.verdict).toBe("allow");
  });

  test("govern no node whose labels are not known, nobody else, and no pod", () => {
    const closed = clusterwidePolicy({ nodes: EVERY, ingress: [ciliumRule()], egress: [ciliumRule()] });
    const ends = [bare, WORLD, { ...WORLD, nodeLabels: {} }, self];
    for (const end of ends) {
      expect(judge([closed], tcp(end, { address: "192.0.2.99" })).egress.verdict).toBe("allow");
      expect(judge([closed], tcp({ address: "192.0.2.99" }, end)).ingress.verdict).toBe("allow");
    }
  });

  test("and those about pods do not govern nodes", () => {
    const objects = [
      clusterwidePolicy({ endpoints: EVERY, ingress: [ciliumRule()] }),
      clusterPolicy({ ingress: [clusterRule("Deny", { peers: [{ kind: "networks", cidrs: ["0.0.0.0/0"] }] })] }),
    ];
    expect(ingress(tcp(WORLD, host), ...objects)).toBe("allow");
  });

  test("both ends are judged between a node and a pod", () => {
    const closed = clusterwidePolicy({ nodes: EVERY, egress: [ciliumRule()], ingress: [ciliumRule()] });
    const ofPods = ciliumPolicy({ ingress: [ciliumRule()], egress: [ciliumRule()] });
    expect(judge([closed, ofPods], tcp(host, self))).toMatchObject({
      egress: { verdict: "deny" },
      // Its own node reaches a pod always.
      ingress: { verdict: "allow" },
    });
    expect(judge([closed, ofPods], tcp(self, host))).toMatchObject({
      egress: { verdict: "deny" },
      ingress: { verdict: "deny" },
    });
    expect(judge([closed, ofPods], tcp(other, self)).ingress.verdict).toBe("deny");
  });

  test("endpoints in them are pods of all namespaces, denies go before allows, and exemptions hold", () => {
    const allow = ciliumRule({ endpoints: [labelled({ app: "self" })] });
    expect(ingress(tcp(self, host), clusterwidePolicy({ nodes: EVERY, ingress: [allow] }))).toContain("allow C");
    expect(
      ingress(tcp(self, host), clusterwidePolicy({ nodes: EVERY, ingress: [allow], ingressDeny: [allow] })),
    ).toContain("ingressDeny[0]");
    const defaultDeny = { ingress: false, egress: false };
    expect(ingress(tcp(WORLD, host), clusterwidePolicy({ nodes: EVERY, ingress: [allow], defaultDeny }))).toBe("allow");
  });

  test("the mode always does not isolate nodes, never frees them", () => {
    expect(judge([], tcp(WORLD, host), { enforcement: "always" }).ingress.verdict).toBe("allow");
    expect(judge([policy], tcp(WORLD, host), { enforcement: "never" }).ingress.verdict).toBe("allow");
  });

  test("one object may have specs about pods and about nodes", () => {
    const specs = [
      ciliumSpec({ prefix: "specs[0].", ingress: [ciliumRule({ entities: ["world"] })] }),
      ciliumSpec({ prefix: "specs[1].", nodes: EVERY, ingress: [ciliumRule({ entities: ["world"] })] }),
    ];
    const mixed = ciliumPolicy(specs, { kind: "CiliumClusterwideNetworkPolicy", namespace: "", name: "cc" });
    const name = "allow CiliumClusterwideNetworkPolicy /cc";
    expect(ingress(tcp(WORLD, self), mixed)).toBe(`${name} specs[0].ingress[0]`);
    expect(ingress(tcp(WORLD, host), mixed)).toBe(`${name} specs[1].ingress[0]`);
  });

  test("what a node says to itself is free", () => {
    const closed = clusterwidePolicy({ nodes: EVERY, egress: [ciliumRule()], ingress: [ciliumRule()] });
    expect(judge([closed], tcp(host, { ...host }))).toEqual(judge([], tcp(host, WORLD)));
  });
});
