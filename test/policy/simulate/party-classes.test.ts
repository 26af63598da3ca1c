import { describe, expect, test } from "vitest";
import type { EndpointSliceObject, NodeObject, PodObject, PolicyObject } from "#policy/model/object.ts";
import type { PartyKind } from "#policy/simulate/party-class.ts";
import { partyClasses } from "#policy/simulate/traffic-classes.ts";
import { World } from "#policy/simulate/world.ts";
import { ciliumPolicy, ciliumRule } from "#test/support/cilium-objects.ts";
import {
  expression,
  kubernetesPolicy,
  kubernetesRule,
  labelled,
  namespace,
  peerOf,
} from "#test/support/policy-objects.ts";

const source = { file: "test.yaml", line: 1 };

function pod(name: string, more: Partial<PodObject> = {}): PodObject {
  const [app = ""] = name.split("-");
  const what = { serviceAccount: "default", namedPorts: [], addresses: [], hostNetwork: false };
  return { kind: "Pod", namespace: "n", name, source, labels: { app, pod: name }, ...what, ...more };
}

function node(name: string, ...addresses: string[]): NodeObject {
  return { kind: "Node", namespace: "", name, source, labels: { name }, addresses };
}

const servers = (...addresses: string[]): EndpointSliceObject => ({
  kind: "EndpointSlice",
  namespace: "default",
  name: "kubernetes",
  source,
  service: "kubernetes",
  addresses,
});

const from = (cidr: string): PolicyObject =>
  kubernetesPolicy({ ingress: [kubernetesRule({ peers: [peerOf({ ipBlock: { cidr, except: [] } })] })] });

/** The members of the classes of one kind. */
function membersOf(kind: PartyKind, ...worlds: (readonly PolicyObject[])[]): string[] {
  return partyClasses(worlds.map((objects) => new World(objects)))
    .filter((one) => one.kind === kind)
    .map(({ members }) => members.map(({ name }) => name).join(" "));
}

describe("pods", () => {
  const pods = [pod("web-1"), pod("web-2"), pod("db-1"), pod("web-3", { namespace: "m" })];

  test("without policies all are one class", () => {
    expect(membersOf("pod", pods)).toEqual(["m/web-3 n/db-1 n/web-1 n/web-2"]);
  });

  test("who governs them and who names them tells them apart, other labels do not", () => {
    const policy = kubernetesPolicy({
      podSelector: labelled({ app: "db" }),
      ingress: [kubernetesRule({ peers: [peerOf({ podSelector: labelled({ app: "web" }) })] })],
    });
    expect(membersOf("pod", [...pods, policy])).toEqual(["m/web-3", "n/db-1", "n/web-1 n/web-2"]);
  });

  test("rules of every world count", () => {
    const policy = kubernetesPolicy({ podSelector: expression("pod", "In", "web-1") });
    expect(membersOf("pod", pods, [...pods, policy])).toEqual(["m/web-3 n/db-1 n/web-2", "n/web-1"]);
  });

  test("labels of namespaces count where a rule looks at them", () => {
    const policy = kubernetesPolicy({
      ingress: [kubernetesRule({ peers: [peerOf({ namespaceSelector: labelled({ team: "a" }) })] })],
    });
    const objects = [pod("web-1"), pod("web-2", { namespace: "m" }), pod("web-3", { namespace: "o" }), policy];
    expect(membersOf("pod", [...objects, namespace("m", { team: "a" })])).toEqual(["m/web-2", "n/web-1", "o/web-3"]);
    expect(membersOf("pod", objects)).toEqual(["m/web-2 o/web-3", "n/web-1"]);
  });

  test("named ports count where a rule names them", () => {
    const policy = (port: string): PolicyObject =>
      kubernetesPolicy({ ingress: [kubernetesRule({ ports: [{ protocol: "TCP", port, endPort: null }] })] });
    const named = pod("web-2", { namedPorts: [{ name: "http", protocol: "TCP", port: 80 }] });
    expect(membersOf("pod", [pod("web-1"), named, policy("http")])).toEqual(["n/web-1", "n/web-2"]);
    expect(membersOf("pod", [pod("web-1"), named, policy("sql")])).toEqual(["n/web-1 n/web-2"]);
  });

  test("addresses count where a rule about ranges tells them apart", () => {
    const objects = [pod("web-1", { addresses: ["10.0.0.7"] }), pod("web-2", { addresses: ["10.1.0.7"] })];
    expect(membersOf("pod", [...objects, from("10.0.0.0/8")])).toEqual(["n/web-1 n/web-2"]);
    expect(membersOf("pod", [...objects, from("10.1.0.0/16")])).toEqual(["n/web-1", "n/web-2"]);
  });

  test("a pod of two families has two faces only where rules tell them apart", () => {
    const objects = [pod("web-1", { addresses: ["10.0.0.7", "fd00::7"] })];
    const facesOf = (...more: PolicyObject[]): (readonly number[])[] =>
      partyClasses([new World([...objects, ...more])])[0]?.faces.map(({ families }) => families) ?? [];
    expect(facesOf()).toEqual([[4, 6]]);
    expect(facesOf(from("0.0.0.0/0"))).toEqual([[4], [6]]);
  });

  test("one that has the node's network is no pod", () => {
    expect(membersOf("pod", [pod("web-1", { hostNetwork: true, addresses: ["10.9.0.1"] })])).toEqual([]);
    expect(membersOf("host", [pod("web-1", { hostNetwork: true, addresses: ["10.9.0.1"] })])).toEqual(["n/web-1"]);
  });

  test("what only one world has is in the other as it is in that one", () => {
    const [first] = partyClasses([new World([]), new World([pod("web-1")])]);
    expect(first?.members[0]?.ends[0]?.parties.map(({ subject }) => subject?.labels["app"])).toEqual(["web", "web"]);
  });
});

describe("nodes and the API server", () => {
  test("a node is the own node of some, and another one to others", () => {
    const objects = [node("n1", "192.168.0.1"), node("n2", "192.168.0.2")];
    expect([membersOf("host", objects), membersOf("remote-node", objects)]).toEqual([["n1 n2"], ["n1 n2"]]);
  });

  test("rules about nodes tell them apart", () => {
    const policy = ciliumPolicy({ ingress: [ciliumRule({ nodes: [labelled({ name: "n1" })] })] });
    const objects = [node("n1", "192.168.0.1"), node("n2", "192.168.0.2"), policy];
    expect(membersOf("remote-node", objects)).toEqual(["n1", "n2"]);
  });

  test("an address of the API server is the node's no more, but to the node's own pods", () => {
    const objects = [node("n1", "192.168.0.1"), servers("192.168.0.1", "192.0.2.5")];
    expect(membersOf("kube-apiserver", objects)).toEqual(["192.0.2.5", "192.168.0.1"]);
    expect([membersOf("remote-node", objects), membersOf("host", objects)]).toEqual([[], ["n1"]]);
  });

  test("of whom no object tells is looked at where a rule speaks of them, wherever they are", () => {
    const policy = ciliumPolicy({ ingress: [ciliumRule({ entities: ["ingress"] })] });
    expect(membersOf("ingress", [])).toEqual([]);
    expect(membersOf("ingress", [policy, from("10.0.0.0/8")])).toEqual([
      "ingress at 0.0.0.0/0 outside of finer ranges",
      "ingress at 10.0.0.0/8",
      "ingress at ::/0",
    ]);
  });
});

describe("outside of the cluster", () => {
  test("every range is a class, but for the addresses of who is known", () => {
    const objects = [pod("web-1", { addresses: ["10.0.0.7"] }), from("10.0.0.0/8"), from("10.0.0.7/32")];
    const renamed = objects.map((object, i) => ({ ...object, name: `o${i}` }));
    expect(membersOf("world", renamed)).toEqual([
      "world at 0.0.0.0/0 outside of finer ranges",
      "world at 10.0.0.0/8 outside of finer ranges",
      "world at ::/0",
    ]);
  });
});
