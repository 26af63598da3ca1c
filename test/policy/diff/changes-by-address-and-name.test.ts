import { describe, expect, test } from "vitest";
import { diffPolicies } from "#policy/diff/diff.ts";
import type { NameMatch } from "#policy/model/l7.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { ciliumPolicy, ciliumRule, onPort, portItem } from "#test/support/cilium-objects.ts";
import { kubernetesPolicy, kubernetesRule, labelled, peerOf } from "#test/support/policy-objects.ts";
import { changeText, podObject, shop, told } from "./shop.ts";

const db = labelled({ app: "db" });

function from(...blocks: (readonly [cidr: string, ...except: string[]])[]): PolicyObject {
  const peers = blocks.map(([cidr, ...except]) => peerOf({ ipBlock: { cidr, except } }));
  return kubernetesPolicy({ podSelector: db, ingress: [kubernetesRule({ peers })] });
}

function to(...texts: string[]): PolicyObject {
  const names = texts.map((text): NameMatch =>
    text.includes("*") ? { kind: "pattern", pattern: text } : { kind: "name", name: text },
  );
  return ciliumPolicy({ endpoints: labelled({ app: "web" }), egress: [ciliumRule({ names })] });
}

describe("ranges", () => {
  test("a range with its exceptions", () => {
    expect(told([...shop, from(["192.0.2.0/24"])], [...shop, from(["192.0.2.0/24", "192.0.2.8/30"])])).toEqual([
      "allow>deny 192.0.2.8/30 -> n/db-0 any any",
    ]);
  });

  test("ranges that together are one are told as one", () => {
    const halves = from(["10.0.0.0/9"], ["10.128.0.0/9"], ["192.0.2.0/24"]);
    expect(told([...shop, halves], [...shop, from(["192.0.2.0/24"])])).toEqual([
      "allow>deny all pods; 10.0.0.0/9, 10.128.0.0/9 -> n/db-0 any any",
    ]);
    expect(told([...shop, from(["0.0.0.0/0"])], [...shop, from(["0.0.0.0/0", "192.0.2.0/24"])])).toEqual([
      "allow>deny 192.0.2.0/24 -> n/db-0 any any",
    ]);
  });

  test("what is everywhere but somewhere", () => {
    const cut = told([...shop, from(["0.0.0.0/0"], ["::/0"])], [...shop, from(["192.0.2.0/24"])]);
    expect(cut).toEqual(["allow>deny all pods; outside of the cluster (but 192.0.2.0/24) -> n/db-0 any any"]);
  });

  test("pods of two families, told apart by one of them", () => {
    const dual = [podObject("n/web-1", ["10.0.0.1", "fd00::1"]), podObject("n/db-0", ["10.0.0.9", "fd00::9"])];
    expect(told([...dual, from(["0.0.0.0/0"], ["::/0"])], [...dual, from(["::/0"])])).toEqual([
      "allow>deny n/web-1 by IPv4; outside of the cluster -> n/db-0 by IPv4 any any",
    ]);
    const denyAll = kubernetesPolicy({ podSelector: db, ingress: [] });
    expect(told([...dual, from(["0.0.0.0/0"], ["::/0"])], [...dual, denyAll])).toEqual([
      "allow>deny anybody -> n/db-0 any any",
    ]);
  });
});

describe("DNS names", () => {
  test("another name: addresses that are known by both change nothing", () => {
    expect(told([...shop, to("a.example")], [...shop, to("b.example")])).toEqual([
      "allow>deny pods app=web of n -> outside of the cluster, known as a.example and not as b.example any any",
      "deny>allow pods app=web of n -> outside of the cluster, known as b.example and not as a.example any any",
    ]);
  });

  test("one name more: whatever else the addresses are known by", () => {
    expect(told([...shop, to("a.example")], [...shop, to("a.example", "b.example")])).toEqual([
      "deny>allow pods app=web of n -> outside of the cluster, known as b.example and not as a.example any any",
    ]);
    expect(told([...shop, to()], [...shop, to("a.example", "b.example")])).toEqual([
      "deny>allow pods app=web of n -> outside of the cluster, known as a.example or b.example any any",
    ]);
  });

  test("a name that a pattern takes in already", () => {
    expect(told([...shop, to("*.example")], [...shop, to("*.example", "a.example")])).toEqual([]);
  });

  test("more names than can be looked at in all combinations: a change of one is still found, and it is said", () => {
    const rule = (i: number, port: number) =>
      ciliumRule({ names: [{ kind: "name", name: `a${i}.example` }], ports: [portItem([onPort(port)])] });
    const policy = (last: number): PolicyObject =>
      ciliumPolicy({
        endpoints: labelled({ app: "web" }),
        egress: [...Array.from({ length: 29 }, (_, i) => rule(i, 1000 + i)), rule(29, last)],
      });
    const { changes, isComplete } = diffPolicies([...shop, policy(2000)], [...shop, policy(2001)]);
    expect(changes.map(changeText)).toEqual([
      "allow>deny pods app=web of n -> outside of the cluster, known as a29.example TCP 2000",
      "deny>allow pods app=web of n -> outside of the cluster, known as a29.example TCP 2001",
    ]);
    expect(isComplete).toBe(false);
  });

  test("many names of one rule are as one", () => {
    const many = Array.from({ length: 300 }, (_, i) => `a${i}.example`);
    expect(told([...shop, to("b.example")], [...shop, to("b.example", ...many)])).toEqual([
      "deny>allow pods app=web of n -> outside of the cluster, known as a0.example, a1.example, a10.example or 297 other names and not as b.example any any",
    ]);
  });
});
