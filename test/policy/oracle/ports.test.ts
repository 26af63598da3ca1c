import { describe, expect, test } from "vitest";
import type { CiliumPort } from "#policy/model/cilium-object.ts";
import type { ClusterPort } from "#policy/model/cluster-object.ts";
import type { NetworkPolicyPort, PolicyObject } from "#policy/model/object.ts";
import type { FlowProtocol } from "#policy/model/protocol.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { ciliumPolicy, ciliumRule, onPort, portItem } from "#test/support/cilium-objects.ts";
import {
  WORLD,
  clusterPolicy,
  clusterRule,
  kubernetesPolicy,
  kubernetesRule,
  pod,
  tcp,
} from "#test/support/policy-objects.ts";

const web = { name: "web", protocol: "TCP" } as const;
const client = pod("n/client", "10.0.0.1", { namedPorts: [{ ...web, port: 1234 }] });
const first = pod("n/first", "10.0.0.2", { namedPorts: [{ ...web, port: 80 }] });
const second = pod("n/second", "10.0.0.3", {
  namedPorts: [
    { ...web, port: 8080 },
    { ...web, port: 8081 },
    { ...web, protocol: "UDP", port: 53 },
  ],
});

type Ports = { kubernetes: NetworkPolicyPort } | { cilium: CiliumPort } | { cluster: ClusterPort };

function policyOf(ports: Ports): PolicyObject {
  if ("kubernetes" in ports) {
    const rules = [kubernetesRule({ ports: [ports.kubernetes] })];
    return kubernetesPolicy({ ingress: rules, egress: rules });
  }
  if ("cilium" in ports) {
    const rules = [ciliumRule({ ports: [portItem([ports.cilium])] })];
    return ciliumPolicy({ ingress: rules, egress: rules });
  }
  const everybody = { kind: "networks", cidrs: ["0.0.0.0/0"] } as const;
  const rules = [clusterRule("Accept", { peers: [everybody], ports: [ports.cluster] })];
  return clusterPolicy({ ingress: rules, egress: rules });
}

/** Whether a rule of egress and one of ingress match a flow. */
function matches(ports: Ports, destination: typeof first, protocol: FlowProtocol, port: number): string {
  const { egress, ingress } = judge([policyOf(ports)], { source: client, destination, protocol, port });
  return [egress, ingress].map(({ rules }) => (rules.length > 0 ? "y" : "n")).join("");
}

describe("a port's name", () => {
  const named: readonly Ports[] = [
    { kubernetes: { protocol: "TCP", port: "web", endPort: null } },
    { cilium: onPort("web", "TCP") },
  ];

  test.each(named)("is that of the pod that is connected to, in either direction: %o", (ports) => {
    expect(matches(ports, first, "TCP", 80)).toBe("yy");
    expect(matches(ports, first, "TCP", 8080)).toBe("nn");
    expect(matches(ports, first, "TCP", 1234)).toBe("nn");
    expect(matches(ports, second, "TCP", 8080)).toBe("yy");
    expect(matches(ports, second, "TCP", 8081)).toBe("yy");
    expect(matches(ports, second, "TCP", 80)).toBe("nn");
    expect(matches(ports, second, "UDP", 53)).toBe("nn");
  });

  test.each<Ports>([{ cilium: onPort("web", "ANY") }, { cluster: { kind: "name", name: "web" } }])(
    "without a protocol is one of any: %o",
    (ports) => {
      expect(matches(ports, second, "UDP", 53)).toBe("yy");
      expect(matches(ports, second, "TCP", 53)).toBe("nn");
      expect(matches(ports, first, "TCP", 80)).toBe("yy");
    },
  );

  test("nobody has but pods", () => {
    for (const ports of [...named, { cluster: { kind: "name", name: "web" } } as const]) {
      expect(judge([policyOf(ports)], tcp(client, WORLD, 80)).egress.rules).toEqual([]);
    }
  });
});

test("a range holds both its ends", () => {
  const ranges: readonly Ports[] = [
    { kubernetes: { protocol: "TCP", port: 80, endPort: 90 } },
    { cilium: onPort(80, "TCP", 90) },
    { cluster: { kind: "range", protocol: "TCP", first: 80, last: 90 } },
  ];
  for (const ports of ranges) {
    const found = [79, 80, 85, 90, 91].map((port) => matches(ports, first, "TCP", port));
    expect(found).toEqual(["nn", "yy", "yy", "yy", "nn"]);
    expect(matches(ports, first, "UDP", 85)).toBe("nn");
  }
});

test("no number is every port of the protocol, ANY every protocol with ports", () => {
  const all: readonly Ports[] = [
    { kubernetes: { protocol: "UDP", port: null, endPort: null } },
    { cilium: onPort(null, "UDP") },
    { cluster: { kind: "all", protocol: "UDP" } },
  ];
  for (const ports of all) {
    expect([matches(ports, first, "UDP", 1), matches(ports, first, "TCP", 1)]).toEqual(["yy", "nn"]);
  }
  const protocols: readonly FlowProtocol[] = ["TCP", "UDP", "SCTP", "ICMP", "GRE"];
  const found = protocols.map((protocol) => matches({ cilium: onPort(null, "ANY") }, first, protocol, 0));
  expect(found).toEqual(["yy", "yy", "yy", "nn", "nn"]);
});

test("a protocol without ports is named by itself", () => {
  const vrrp = { cilium: onPort(null, "VRRP") };
  expect([matches(vrrp, first, "VRRP", 0), matches(vrrp, first, "GRE", 0)]).toEqual(["yy", "nn"]);
});

describe("ICMP", () => {
  const echo = ciliumRule({ icmps: [{ protocol: "ICMP", type: 8 }] });
  const say = (rule: typeof echo, protocol: FlowProtocol, port: number): string =>
    judge([ciliumPolicy({ ingress: [rule] })], { source: client, destination: first, protocol, port }).ingress.verdict;

  test("is matched by its type, of its family", () => {
    expect(say(echo, "ICMP", 8)).toBe("allow");
    expect(say(echo, "ICMP", 5)).toBe("deny");
    expect(say(echo, "ICMPv6", 8)).toBe("deny");
    expect(say(echo, "TCP", 8)).toBe("deny");
  });

  test("has peers like ports", () => {
    expect(say({ ...echo, entities: ["world"] }, "ICMP", 8)).toBe("deny");
    expect(say({ ...echo, entities: ["cluster"] }, "ICMP", 8)).toBe("allow");
  });

  test("is matched by rules without ports, and by none with", () => {
    expect(say(ciliumRule({ entities: ["cluster"] }), "ICMP", 5)).toBe("allow");
    expect(say(ciliumRule({ ports: [portItem([onPort(null, "ANY")])] }), "ICMP", 8)).toBe("deny");
    const flow = { source: client, destination: first, protocol: "ICMP", port: 8 } as const;
    expect(judge([kubernetesPolicy({ ingress: [kubernetesRule()] })], flow).ingress.verdict).toBe("allow");
    expect(judge([policyOf({ cluster: { kind: "all", protocol: "TCP" } })], flow).ingress.rules).toEqual([]);
  });
});

test("an item without ports, and an empty list of items, match nothing", () => {
  const say = (ports: ReturnType<typeof portItem>[]): string =>
    judge([ciliumPolicy({ ingress: [ciliumRule({ ports })] })], tcp(client, first)).ingress.verdict;
  expect([say([portItem([])]), say([]), say([portItem([]), portItem([onPort(80)])])]).toEqual([
    "deny",
    "deny",
    "allow",
  ]);
});
