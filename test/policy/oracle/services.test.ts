import { describe, expect, test } from "vitest";
import type { CiliumService } from "#policy/model/cilium-object.ts";
import type { Party } from "#policy/model/flow.ts";
import type { EndpointSliceObject, PolicyObject, ServiceObject } from "#policy/model/object.ts";
import { judge } from "#policy/oracle/oracle.ts";
import type { OracleOptions } from "#policy/oracle/question.ts";
import { ciliumPolicy, ciliumRule } from "#test/support/cilium-objects.ts";
import { EVERY, labelled, pod, source, tcp } from "#test/support/policy-objects.ts";

const self = pod("n/self", "10.0.0.9");
const parties: Readonly<Record<string, Party>> = {
  "n/web": pod("n/web", "10.0.0.1"),
  "m/web": pod("m/web", "10.0.0.2"),
  "m/db": pod("m/db", "10.0.0.3"),
  outside: { address: "192.0.2.1" },
  far: { reserved: "world", address: "2001:db8::1" },
};

function service(name: string, selector: ServiceObject["selector"], labels = {}): ServiceObject {
  return { kind: "Service", namespace: "m", name, source, labels, selector };
}

function slice(service: string, ...addresses: string[]): EndpointSliceObject {
  return { kind: "EndpointSlice", namespace: "m", name: `${service}-${addresses[0]}`, source, service, addresses };
}

const objects: PolicyObject[] = [
  service("web", { app: "web" }, { shown: "yes" }),
  slice("web", "192.0.2.1"),
  service("external", null, { shown: "yes" }),
  slice("external", "192.0.2.1", "10.0.0.3"),
  slice("external", "2001:db8::1"),
  service("empty", {}),
  slice("empty", "192.0.2.1"),
  { ...slice("web", "2001:db8::1"), namespace: "n" },
];

function meant(wanted: CiliumService[], options: OracleOptions = {}): string {
  const policy = ciliumPolicy({ egress: [ciliumRule({ services: wanted })] });
  const names = Object.entries(parties).filter(
    ([, party]) => judge([...objects, policy], tcp(self, party), options).egress.verdict === "allow",
  );
  return names.map(([name]) => name).join(" ");
}

describe("a service by name", () => {
  test("is the pods of its namespace that it selects", () => {
    expect(meant([{ kind: "name", namespace: "m", name: "web" }])).toBe("m/web");
    expect(meant([{ kind: "name", namespace: "n", name: "web" }])).toBe("");
    expect(meant([{ kind: "name", namespace: "", name: "web" }])).toBe("m/web");
  });

  test("without a selector is the addresses of its slices, outside of the cluster", () => {
    expect(meant([{ kind: "name", namespace: "m", name: "external" }])).toBe("outside far");
    expect(meant([{ kind: "name", namespace: "m", name: "external" }], { cidrMatchesPods: true })).toBe(
      "m/db outside far",
    );
  });

  test("with an empty selector is one without", () => {
    expect(meant([{ kind: "name", namespace: "m", name: "empty" }])).toBe("outside");
  });

  test("that is not there is nobody", () => {
    expect(meant([{ kind: "name", namespace: "m", name: "missing" }])).toBe("");
    expect(meant([])).toBe("");
  });
});

test("services by labels are all that have them", () => {
  const selector = labelled({ shown: "yes" });
  expect(meant([{ kind: "labels", namespace: "", selector }])).toBe("m/web outside far");
  expect(meant([{ kind: "labels", namespace: "n", selector }])).toBe("");
  expect(meant([{ kind: "labels", namespace: "m", selector: EVERY }])).toBe("m/web outside far");
});
