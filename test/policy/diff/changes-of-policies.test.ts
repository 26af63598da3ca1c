import { describe, expect, test } from "vitest";
import type { NetworkPolicyObject } from "#policy/model/object.ts";
import {
  EVERY,
  clusterPolicy,
  clusterRule,
  kubernetesPolicy,
  kubernetesRule,
  labelled,
  peerOf,
} from "#test/support/policy-objects.ts";
import { GET, ciliumPolicy, ciliumRule, clusterwidePolicy, onPort, portItem } from "#test/support/cilium-objects.ts";
import { podObject, shop, told } from "./shop.ts";

const web = peerOf({ podSelector: labelled({ app: "web" }) });

/** The database takes TCP on some ports from the web. */
function database(...ports: (readonly [first: number, last: number])[]): NetworkPolicyObject {
  const own = ports.map(([port, endPort]) => ({ protocol: "TCP" as const, port, endPort }));
  const ingress = [kubernetesRule({ peers: [web], ports: own })];
  return kubernetesPolicy({ name: "db", podSelector: labelled({ app: "db" }), ingress });
}

describe("who and whom", () => {
  test("equal objects change nothing", () => {
    expect(told([...shop, database([80, 90])], [...shop, database([80, 90])])).toEqual([]);
  });

  test("a new policy cuts off whom it does not allow", () => {
    expect(told(shop, [...shop, database([80, 80])])).toEqual([
      "allow>deny m/web-1; outside of the cluster -> n/db-0 any any",
      "allow>deny pods app=web of n -> n/db-0 TCP 1-79,81-65535",
      "allow>deny pods app=web of n -> n/db-0 any but TCP any",
    ]);
  });

  test("and one that goes lets them in again", () => {
    expect(told([...shop, database([80, 80])], shop)).toContain(
      "deny>allow m/web-1; outside of the cluster -> n/db-0 any any",
    );
  });

  test("everybody but the node itself is anybody: it reaches its pods always", () => {
    const denyAll = kubernetesPolicy({ podSelector: labelled({ app: "db" }), ingress: [] });
    expect(told(shop, [...shop, denyAll])).toEqual(["allow>deny anybody -> n/db-0 any any"]);
  });

  test("all pods among each other are one change, though none has traffic with itself", () => {
    const before = [...shop, clusterPolicy({ tier: "Baseline", ingress: [clusterRule("Deny")] })];
    expect(told(before, shop)).toEqual(["deny>allow all pods -> all pods any any"]);
  });

  test("labels that no rule looks at make no difference", () => {
    const relabelled = shop.map((object) =>
      object.kind === "Pod" ? { ...object, labels: { ...object.labels, hash: "x" } } : object,
    );
    expect(told([...shop, database([80, 80])], [...relabelled, database([80, 80])])).toEqual([]);
  });
});

describe("ports", () => {
  test("only what differs, adjacent ports together", () => {
    expect(told([...shop, database([80, 90])], [...shop, database([85, 100])])).toEqual([
      "allow>deny pods app=web of n -> n/db-0 TCP 80-84",
      "deny>allow pods app=web of n -> n/db-0 TCP 91-100",
    ]);
    expect(told([...shop, database([9, 9])], [...shop, database([9, 9], [80, 80], [81, 81], [90, 90])])).toEqual([
      "deny>allow pods app=web of n -> n/db-0 TCP 80-81,90",
    ]);
  });

  test("protocols with the same ports together", () => {
    const item = portItem([onPort(53, "ANY")]);
    const policy = ciliumPolicy({ endpoints: labelled({ app: "db" }), ingress: [ciliumRule({ ports: [item] })] });
    const isolated = ciliumPolicy({ endpoints: labelled({ app: "db" }), ingress: [ciliumRule({ endpoints: [] })] });
    expect(told([...shop, isolated], [...shop, policy])).toEqual(["deny>allow anybody -> n/db-0 TCP, UDP, SCTP 53"]);
  });

  test("types of ICMP, of the family that can carry them", () => {
    const types = (type: number) => ciliumRule({ icmps: [{ protocol: "ICMP", type }] });
    const policy = (type: number) => ciliumPolicy({ endpoints: labelled({ app: "db" }), ingress: [types(type)] });
    expect(told([...shop, policy(8)], [...shop, policy(13)])).toEqual([
      "allow>deny anybody -> n/db-0 ICMP 8",
      "deny>allow anybody -> n/db-0 ICMP 13",
    ]);
  });
});

describe("verdicts", () => {
  test("a denial of the other end hides a change", () => {
    const silent = kubernetesPolicy({ name: "silent", podSelector: labelled({ app: "web" }), egress: [] });
    const changes = told([...shop, silent, database([80, 80])], [...shop, silent, database([81, 81])]);
    expect(changes).toEqual([]);
  });

  test("what the proxy sees from now on is a change, too", () => {
    const rule = (l7: typeof GET | null) =>
      ciliumPolicy({
        endpoints: labelled({ app: "db" }),
        ingress: [ciliumRule({ ports: [portItem([onPort(80)], l7)] })],
      });
    expect(told([...shop, rule(null)], [...shop, rule(GET)])).toEqual(["allow>redirect anybody -> n/db-0 TCP 80"]);
  });

  test("so is what lets other requests pass, and only that", () => {
    const policy = (name: string, ...items: Parameters<typeof portItem>[1][]) => ({
      ...ciliumPolicy({
        endpoints: labelled({ app: "db" }),
        ingress: items.map((l7) => ciliumRule({ ports: [portItem([onPort(80)], l7)] })),
      }),
      name,
    });
    const http = (...methods: string[]) => ({
      family: "http" as const,
      rules: methods.map((method) => ({ method, path: null, host: null, headers: [], headerMatches: [] })),
    });
    const change = "redirect>redirect anybody -> n/db-0 TCP 80";
    const [get, post, both] = [http("GET"), http("POST"), http("POST", "GET")];
    expect(told([...shop, policy("a", get)], [...shop, policy("a", post)])).toEqual([change]);
    expect(told([...shop, policy("a", get)], [...shop, policy("a", get, post)])).toEqual([change]);
    expect(told([...shop, policy("a", get)], [...shop, policy("a", get, null)])).toEqual([change]);
    expect(told([...shop, policy("a", get, post)], [...shop, policy("b", both)])).toEqual([]);
    expect(told([...shop, policy("a", get, null)], [...shop, policy("a", post, null)])).toEqual([]);
  });

  test("other rules with the same verdict are none", () => {
    const renamed = { ...database([80, 90]), name: "other" };
    expect(told([...shop, database([80, 90])], [...shop, renamed])).toEqual([]);
  });

  test("a rule whose time is over is none", () => {
    const ending = { ...database([80, 80]), controls: { object: { notAfter: 1000 }, rules: {} } };
    const ended = { at: 1000 };
    expect(told([...shop, database([80, 80])], [...shop, ending], { at: 999 })).toEqual([]);
    expect(told([...shop, database([80, 80])], [...shop, ending], ended)).toEqual([
      "allow>deny pods app=web of n -> n/db-0 TCP 80",
    ]);
  });
});

describe("staged rules", () => {
  const staged = { ...database([80, 80]), controls: { object: { staged: true }, rules: {} } };

  test("change nothing", () => {
    expect(told(shop, [...shop, staged])).toEqual([]);
  });

  test("unless it is asked what their promotion would change", () => {
    const promoted = told([...shop, staged], [...shop, staged], { includeStaged: true });
    expect(promoted).toEqual(told(shop, [...shop, database([80, 80])]));
  });
});

describe("modes", () => {
  test("where every pod is isolated an allow opens", () => {
    const open = kubernetesPolicy({ podSelector: EVERY, ingress: [kubernetesRule()] });
    const everybody = kubernetesPolicy({ name: "out", podSelector: EVERY, egress: [kubernetesRule()] });
    expect(told([...shop, everybody], [...shop, everybody, open], { enforcement: "always" })).toEqual([
      "deny>allow all pods of n; outside of the cluster -> all pods of n any any",
    ]);
    expect(told(shop, [...shop, open], { enforcement: "never" })).toEqual([]);
  });

  test("policies about nodes: both of a node's roles", () => {
    const node = { kind: "Node", namespace: "", name: "n1", source: { file: "n.yaml", line: 1 } } as const;
    const nodes = [{ ...node, labels: { zone: "a" }, addresses: ["192.168.0.1"] }];
    const policy = clusterwidePolicy({
      nodes: labelled({ zone: "a" }),
      ingress: [ciliumRule({ entities: ["cluster"] })],
    });
    expect(
      told([podObject("n/web-1", ["10.0.0.1"]), ...nodes], [podObject("n/web-1", ["10.0.0.1"]), ...nodes, policy]),
    ).toEqual(["allow>deny outside of the cluster -> nodes any any"]);
  });
});
