import { describe, expect, test } from "vitest";
import { evaluate } from "#policy/explain/evaluate.ts";
import { type OwnNode, resolveParties } from "#policy/explain/parties.ts";
import { parseObjects } from "#policy/parse/objects.ts";

const nodes = ["n1", "n2"].map(
  (name, i) => `{apiVersion: v1, kind: Node, metadata: {name: ${name}, labels: {at: ${name}}},
  status: {addresses: [{type: InternalIP, address: 192.168.0.${i + 1}}]}}`,
);
const pod = (namespace: string, name: string, ip: string, spec = ""): string =>
  `{apiVersion: v1, kind: Pod, metadata: {name: ${name}, namespace: ${namespace}}, spec: {${spec}},
  status: {podIP: ${ip}}}`;
const isolated = `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny, namespace: shop},
  spec: {podSelector: {}, ingress: []}}`;
const web = pod("shop", "web", "10.0.0.5");
const onHost = (ip: string, node = "n2"): string => pod("evil", "attacker", ip, `hostNetwork: true, nodeName: ${node}`);

function ask(texts: readonly string[], from: string, to: string, own?: OwnNode) {
  const parsed = parseObjects([...nodes, isolated, ...texts].join("\n---\n"), "f");
  if (!parsed.ok) throw new Error(parsed.errors[0]?.message);
  const parties = resolveParties(parsed.objects, from, to, own);
  if (!parties.ok) return parties;
  const { source, destination } = parties;
  const flow = { source, destination, protocol: "TCP", port: 80 } as const;
  return { ok: true, source, destination, verdict: evaluate(parsed.objects, flow).verdict };
}

describe("a pod in a node's network", () => {
  test.each(["192.168.0.2", "evil/attacker"])("%s is another node's, and the isolated pod stays so", (from) => {
    expect(ask([web, onHost("192.168.0.2")], from, "shop/web")).toMatchObject({
      verdict: "deny",
      source: { reserved: "remote-node", address: "192.168.0.2", nodeLabels: { at: "n2" } },
    });
  });

  test("with an address that is no node's it is who has the address", () => {
    for (const from of ["8.8.8.8", "evil/attacker"]) {
      for (const server of [web, pod("shop", "web", "10.0.0.5", "nodeName: n2")]) {
        expect(ask([server, onHost("8.8.8.8")], from, "shop/web")).toMatchObject({
          verdict: "deny",
          source: { reserved: "world", address: "8.8.8.8" },
        });
      }
    }
  });

  test("without an address it is a node of which nothing is known", () => {
    const text = onHost("10.9.9.9").replace("podIP: 10.9.9.9", "phase: Pending");
    expect(ask([web, text], "evil/attacker", "shop/web")).toMatchObject({
      verdict: "deny",
      source: { reserved: "remote-node" },
    });
  });

  test("is the node of the pod at the other end, where that runs there", () => {
    const server = pod("shop", "web", "10.0.0.5", "nodeName: n2");
    for (const from of ["192.168.0.2", "evil/attacker"]) {
      expect(ask([server, onHost("192.168.0.2")], from, "shop/web")).toMatchObject({
        verdict: "allow",
        source: { reserved: "host", address: "192.168.0.2" },
      });
    }
    expect(ask([server], "192.168.0.1", "shop/web")).toMatchObject({
      verdict: "deny",
      source: { reserved: "remote-node" },
    });
  });

  test("an agent knows its own node, also by addresses that no object tells of", () => {
    const own = { name: "n1", addresses: new Set(["192.168.0.1", "10.0.0.1"]), labels: { at: "n1" } };
    for (const address of own.addresses) {
      const host = { source: { reserved: "host", address, nodeLabels: own.labels } };
      expect(ask([web], address, "shop/web", own)).toMatchObject({ verdict: "allow", ...host });
      expect(ask([web, onHost(address, "n1")], "evil/attacker", "shop/web", own)).toMatchObject(host);
      const elsewhere = pod("shop", "web", "10.0.0.5", "nodeName: n2");
      expect(ask([elsewhere], address, "shop/web", own)).toMatchObject({
        verdict: "deny",
        source: { reserved: "remote-node" },
      });
    }
    expect(ask([web], "192.168.0.2", "shop/web", own)).toMatchObject({ source: { reserved: "remote-node" } });
  });
});

describe("an address that several pods claim", () => {
  const stale = pod("evil", "stale", "10.0.0.5");
  const other = pod("evil", "other", "10.0.0.6");

  test("is nobody's, in whatever order", () => {
    const error = "10.0.0.5 is said to be of evil/stale and shop/web: ask by NAMESPACE/POD";
    for (const pods of [
      [web, stale],
      [stale, web],
    ]) {
      expect(ask([...pods, other], "evil/other", "10.0.0.5")).toEqual({ ok: false, reason: "invalid", error });
      expect(ask([...pods, other], "10.0.0.5", "evil/other")).toMatchObject({ error });
      expect(ask([...pods, other], "evil/other", "shop/web")).toMatchObject({ verdict: "deny" });
    }
    expect(ask([web, other, onHost("10.0.0.5")], "evil/other", "10.0.0.5")).toMatchObject({
      error: "10.0.0.5 is said to be of evil/attacker and shop/web: ask by NAMESPACE/POD",
    });
  });

  test("is the one's that runs", () => {
    const ended = stale.replace("podIP", "phase: Succeeded, podIP");
    expect(ask([web, ended, other], "evil/other", "10.0.0.5")).toMatchObject({ verdict: "deny" });
  });

  test("two pods are not one because they have one address; one pod is, also without an address", () => {
    expect(ask([web, stale], "evil/stale", "shop/web")).toMatchObject({ verdict: "deny" });
    expect(ask([web, stale], "shop/web", "shop/web")).toMatchObject({ verdict: "allow" });
    const pending = web.replace("podIP: 10.0.0.5", "phase: Pending");
    expect(ask([pending], "shop/web", "shop/web")).toMatchObject({ verdict: "allow" });
  });
});
