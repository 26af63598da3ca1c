import { expect, test } from "vitest";
import type { Party } from "#policy/model/flow.ts";
import { ENTITIES, type Entity, RESERVED_PARTIES } from "#policy/model/reserved.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { ciliumPolicy, ciliumRule } from "#test/support/cilium-objects.ts";
import { labelled, pod, tcp } from "#test/support/policy-objects.ts";

const self = pod("n/self", "10.0.0.1");
const parties: Record<string, Party> = {
  pod: pod("m/other", "10.0.0.2"),
  "world, v4": { reserved: "world", address: "192.0.2.1" },
  "world, v6": { address: "2001:db8::1" },
  ...Object.fromEntries(
    RESERVED_PARTIES.filter((name) => name !== "world").map((name, i) => [
      name,
      { reserved: name, address: `10.1.0.${i}` },
    ]),
  ),
};
parties["kube-apiserver, node"] = { ...parties["kube-apiserver"], nodeLabels: {} };
const servers = ["kube-apiserver", "kube-apiserver, node"];
const inside = ["pod", "host", "unmanaged", "health", "init", "remote-node", "ingress", ...servers];

const table: Readonly<Record<Entity, readonly string[]>> = {
  all: Object.keys(parties),
  // An API server that runs on no node is outside.
  world: ["world, v4", "world, v6", "kube-apiserver"],
  "world-ipv4": ["world, v4", "kube-apiserver"],
  "world-ipv6": ["world, v6"],
  cluster: inside,
  host: ["host"],
  "remote-node": ["remote-node", "kube-apiserver, node"],
  "kube-apiserver": servers,
  ingress: ["ingress"],
  health: ["health"],
  init: ["init"],
  unmanaged: ["unmanaged"],
  none: [],
};

test.each(ENTITIES)("%s", (entity) => {
  const rule = ciliumRule({ entities: [entity] });
  for (const [name, party] of Object.entries(parties)) {
    const isMeant = table[entity].includes(name);
    const allowed = judge([ciliumPolicy({ egress: [rule] })], tcp(self, party)).egress;
    expect(allowed.rules, name).toHaveLength(isMeant ? 1 : 0);
    const denied = judge([ciliumPolicy({ ingressDeny: [rule] })], tcp(party, self)).ingress;
    // The node's own way to its pods is nobody's to deny.
    expect(denied.rules, name).toHaveLength(isMeant && name !== "host" ? 1 : 0);
  }
});

test("several entities are alternatives, and none are nobody", () => {
  const egress = (...entities: Entity[]): string =>
    judge([ciliumPolicy({ egress: [ciliumRule({ entities })] })], tcp(self, parties["health"] ?? self)).egress.verdict;
  expect([egress("none", "health"), egress("world", "host"), egress()]).toEqual(["allow", "deny", "deny"]);
});

test("a label of a reserved party means it and nobody else", () => {
  for (const [name, party] of Object.entries(parties)) {
    for (const reserved of RESERVED_PARTIES) {
      const policy = ciliumPolicy({
        egress: [ciliumRule({ endpoints: [labelled({ [`reserved:${reserved}`]: "" })] })],
      });
      const isMeant = table[reserved].includes(name);
      expect(judge([policy], tcp(self, party)).egress.verdict, `${reserved} ${name}`).toBe(isMeant ? "allow" : "deny");
    }
  }
});
