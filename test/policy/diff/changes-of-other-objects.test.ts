import { describe, expect, test } from "vitest";
import type { EndpointSliceObject, PolicyObject, ServiceObject } from "#policy/model/object.ts";
import type { CiliumCidrGroupObject } from "#policy/model/cilium-object.ts";
import { ciliumPolicy, ciliumRule } from "#test/support/cilium-objects.ts";
import { EVERY, kubernetesPolicy, kubernetesRule, labelled, namespace, peerOf } from "#test/support/policy-objects.ts";
import { podObject, shop, told } from "./shop.ts";

const source = { file: "test.yaml", line: 1 };
const fromTeam = kubernetesPolicy({
  podSelector: labelled({ app: "db" }),
  ingress: [kubernetesRule({ peers: [peerOf({ namespaceSelector: labelled({ team: "a" }) })] })],
});
const fromWeb = kubernetesPolicy({
  podSelector: labelled({ app: "db" }),
  ingress: [kubernetesRule({ peers: [peerOf({ podSelector: labelled({ app: "web" }) })] })],
});

const without = (name: string): PolicyObject[] =>
  shop.filter((object) => `${object.namespace}/${object.name}` !== name);

describe("pods", () => {
  test("a pod with other labels is another one to the rules", () => {
    const relabelled = [...without("n/web-2"), podObject("n/web-2", ["10.0.0.2"], { app: "other" })];
    expect(told([...shop, fromWeb], [...relabelled, fromWeb])).toEqual(["allow>deny n/web-2 -> n/db-0 any any"]);
  });

  test("a pod that comes to be governed", () => {
    const relabelled = [...without("n/web-2"), podObject("n/web-2", ["10.0.0.2"], { app: "db" })];
    expect(told([...shop, fromWeb], [...relabelled, fromWeb])).toEqual([
      "allow>deny n/web-2 -> n/db-0 any any",
      "allow>deny m/web-1, n/db-0; outside of the cluster -> n/web-2 any any",
    ]);
  });

  test("a pod with another address is another one to rules about ranges", () => {
    const fromRange = kubernetesPolicy({
      podSelector: labelled({ app: "db" }),
      ingress: [kubernetesRule({ peers: [peerOf({ ipBlock: { cidr: "10.0.0.0/30", except: [] } })] })],
    });
    const moved = [...without("n/web-2"), podObject("n/web-2", ["10.0.0.200"])];
    expect(told([...shop, fromRange], [...moved, fromRange])).toEqual(["allow>deny n/web-2 -> n/db-0 any any"]);
  });

  test("a new pod is judged as if it had been there", () => {
    const after = [...shop, podObject("n/web-3", ["10.0.0.3"])];
    expect(told([...shop, fromWeb], [...after, fromWeb])).toEqual([]);
    expect(told(shop, [...after, fromWeb])).toContain("allow>deny m/web-1; outside of the cluster -> n/db-0 any any");
  });
});

test("a namespace with other labels", () => {
  const before = [...shop, fromTeam, namespace("m", { team: "a" })];
  expect(told(before, [...shop, fromTeam, namespace("m")])).toEqual(["allow>deny m/web-1 -> n/db-0 any any"]);
});

describe("what rules refer to", () => {
  const service = (selector: ServiceObject["selector"]): ServiceObject => ({
    kind: "Service",
    namespace: "n",
    name: "s",
    source,
    labels: {},
    selector,
  });
  const slice = (...addresses: string[]): EndpointSliceObject => ({
    kind: "EndpointSlice",
    namespace: "n",
    name: "s",
    source,
    service: "s",
    addresses,
  });
  const toService = ciliumPolicy({
    endpoints: labelled({ app: "web" }),
    egress: [ciliumRule({ services: [{ kind: "name", namespace: "n", name: "s" }] })],
  });

  test("a service with another selector", () => {
    const changes = told([...shop, toService, service({ app: "db" })], [...shop, toService, service({ app: "web" })]);
    expect(changes).toEqual([
      "allow>deny pods app=web of n -> n/db-0 any any",
      "deny>allow pods app=web of n -> pods app=web of n any any",
    ]);
  });

  test("a service with other addresses behind it", () => {
    const objects = [...shop, toService, service(null)];
    expect(told([...objects, slice("192.0.2.1")], [...objects, slice("192.0.2.1", "192.0.2.2")])).toEqual([
      "deny>allow pods app=web of n -> 192.0.2.2/32 any any",
    ]);
  });

  test("a group of ranges", () => {
    const group = (...cidrs: string[]): CiliumCidrGroupObject => ({
      kind: "CiliumCIDRGroup",
      namespace: "",
      name: "g",
      source,
      labels: {},
      cidrs,
    });
    const toGroup = ciliumPolicy({
      endpoints: EVERY,
      egress: [ciliumRule({ cidrs: [{ kind: "group", name: "g", except: [] }] })],
    });
    expect(told([...shop, toGroup, group("192.0.2.0/24")], [...shop, toGroup, group("192.0.2.0/25")])).toEqual([
      "allow>deny all pods of n -> 192.0.2.0/24 (but 192.0.2.0/25) any any",
    ]);
  });
});
