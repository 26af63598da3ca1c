import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isPolicyKind } from "#policy/model/object.ts";
import { objectsOf } from "#test/support/cilium-text.ts";

const folder = join(import.meta.dirname, "../../fixtures/policies/cilium");
const objects = readdirSync(folder).flatMap((file) => objectsOf(readFileSync(join(folder, file), "utf8")));

test("policies as they stand in clusters", () => {
  expect(
    objects
      .filter(isPolicyKind)
      .map(({ kind, namespace, name }) => `${kind}/${namespace}/${name}`)
      .sort(),
  ).toEqual([
    "CiliumClusterwideNetworkPolicy//no-metadata-service",
    "CiliumClusterwideNetworkPolicy//pci",
    "CiliumClusterwideNetworkPolicy//workers",
    "CiliumNetworkPolicy/payments/payments-gateway",
    "CiliumNetworkPolicy/shop/api-egress",
    "CiliumNetworkPolicy/shop/api-ingress",
    "CiliumNetworkPolicy/shop/data",
  ]);
});

test("the policies' services and groups of ranges are there", () => {
  const policies = objects.filter((object) => isPolicyKind(object) && "specs" in object);
  const rules = policies.flatMap(({ specs }) => specs.flatMap(({ ingress, egress }) => [...ingress, ...egress]));
  const groups = rules
    .flatMap(({ cidrs }) => cidrs ?? [])
    .flatMap((cidr) => (cidr.kind === "group" ? [cidr.name] : []));
  const services = rules
    .flatMap((rule) => rule.services ?? [])
    .flatMap((one) => (one.kind === "name" ? [one.name] : []));
  const names = (kind: string): string[] => objects.filter((object) => object.kind === kind).map(({ name }) => name);
  expect(groups.length).toBeGreaterThan(0);
  expect(names("CiliumCIDRGroup")).toEqual(expect.arrayContaining(groups));
  expect(services).toEqual(["erp"]);
  expect(names("Service")).toEqual(expect.arrayContaining(services));
});
