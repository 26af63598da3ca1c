import { describe, expect, test } from "vitest";
import { References } from "#policy/compile/references.ts";
import type { CiliumCidrGroupObject } from "#policy/model/cilium-object.ts";
import type { EndpointSliceObject, ServiceObject } from "#policy/model/object.ts";
import { EVERY, expression, labelled, namespace, source } from "#test/support/policy-objects.ts";

const service = (name: string, more: Partial<ServiceObject> = {}): ServiceObject => {
  return { kind: "Service", namespace: "n", name, source, labels: {}, selector: null, ...more };
};
const slice = (name: string, of: string, ...addresses: string[]): EndpointSliceObject => {
  return { kind: "EndpointSlice", namespace: "n", name, source, service: of, addresses };
};
const group = (name: string, team: string, ...cidrs: string[]): CiliumCidrGroupObject => {
  return { kind: "CiliumCIDRGroup", namespace: "", name, source, labels: { team }, cidrs };
};

describe("services", () => {
  const references = new References([
    service("web", { labels: { tier: "front" } }),
    service("db", { labels: { tier: "back" } }),
    service("web", { namespace: "m", labels: { tier: "front" } }),
    namespace("web", { tier: "front" }),
  ]);
  const found = (wanted: Parameters<References["services"]>[0]): string[] =>
    references.services(wanted).map((one) => `${one.namespace}/${one.name}`);

  test("by name, in one namespace or in any", () => {
    expect(found({ kind: "name", namespace: "n", name: "web" })).toEqual(["n/web"]);
    expect(found({ kind: "name", namespace: "", name: "web" })).toEqual(["m/web", "n/web"]);
    expect(found({ kind: "name", namespace: "o", name: "web" })).toEqual([]);
  });

  test("by labels, in one namespace or in any", () => {
    expect(found({ kind: "labels", namespace: "n", selector: labelled({ tier: "front" }) })).toEqual(["n/web"]);
    expect(found({ kind: "labels", namespace: "", selector: expression("tier", "NotIn", "front") })).toEqual(["n/db"]);
    expect(found({ kind: "labels", namespace: "", selector: EVERY })).toEqual(["m/web", "n/db", "n/web"]);
  });
});

test("a service's addresses are those of all its slices, each once, and of no other's", () => {
  const references = new References([
    slice("b", "web", "10.0.0.9", "10.0.0.1"),
    slice("a", "web", "10.0.0.9", "fd00::1"),
    slice("c", "db", "10.0.0.3"),
    { ...slice("d", "web", "10.0.0.4"), namespace: "m" },
    slice("e", "", "10.0.0.5"),
  ]);
  expect(references.backends(service("web"))).toEqual(["10.0.0.1", "10.0.0.9", "fd00::1"]);
  expect(references.backends(service("web", { namespace: "m" }))).toEqual(["10.0.0.4"]);
  expect(references.backends(service("none"))).toEqual([]);
});

test("ranges are a rule's own, those of one group, or those of all groups with some labels", () => {
  const references = new References([
    group("two", "a", "10.2.0.0/16", "fd00::/8"),
    group("one", "a", "10.1.0.0/16"),
    group("three", "b", "10.3.0.0/16"),
  ]);
  const except = ["10.1.1.0/24"];
  expect(references.cidrs({ kind: "cidr", cidr: "10.9.0.0/16", except })).toEqual(["10.9.0.0/16"]);
  expect(references.cidrs({ kind: "group", name: "two", except })).toEqual(["10.2.0.0/16", "fd00::/8"]);
  expect(references.cidrs({ kind: "group", name: "none", except })).toEqual([]);
  const ofTeam = { kind: "groups", selector: labelled({ team: "a" }), except } as const;
  expect(references.cidrs(ofTeam)).toEqual(["10.1.0.0/16", "10.2.0.0/16", "fd00::/8"]);
});

test("the order of objects does not show", () => {
  const objects = [group("x", "a", "10.1.0.0/16"), group("y", "a", "10.2.0.0/16"), service("b"), service("a")];
  const [one, other] = [new References(objects), new References(objects.toReversed())];
  const ranges = { kind: "groups", selector: EVERY, except: [] } as const;
  expect(one.cidrs(ranges)).toEqual(other.cidrs(ranges));
  const services = { kind: "labels", namespace: "", selector: EVERY } as const;
  expect(one.services(services)).toEqual(other.services(services));
});
