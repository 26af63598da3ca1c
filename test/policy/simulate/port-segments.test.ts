import { describe, expect, test } from "vitest";
import type { PolicyObject } from "#policy/model/object.ts";
import { portSegments } from "#policy/simulate/port-segments.ts";
import { World } from "#policy/simulate/world.ts";
import { ciliumPolicy, ciliumRule, onPort, portItem } from "#test/support/cilium-objects.ts";
import { kubernetesPolicy, kubernetesRule, pod } from "#test/support/policy-objects.ts";

/** The segments of one protocol. */
function segmentsOf(protocol: string, ...worlds: (readonly PolicyObject[])[]): string[] {
  return portSegments(worlds.map((objects) => new World(objects)))
    .filter((segment) => segment.protocol === protocol)
    .map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
}

const onPorts = (port: number | string | null, endPort: number | null = null): PolicyObject =>
  kubernetesPolicy({ ingress: [kubernetesRule({ ports: [{ protocol: "TCP", port, endPort }] })] });

function podWith(port: number): PolicyObject {
  const { subject } = pod("n/web", "");
  const namedPorts = [{ name: "http", protocol: "TCP" as const, port }];
  const source = { file: "pods.yaml", line: 1 };
  return { kind: "Pod", name: `p${port}`, source, ...subject, namedPorts, addresses: [], hostNetwork: false };
}

describe("ports", () => {
  test("without rules a protocol is whole", () => {
    expect(segmentsOf("TCP", [])).toEqual(["1-65535"]);
    expect(segmentsOf("ICMP", [])).toEqual(["0-255"]);
    expect(segmentsOf("TCP", [onPorts(null)])).toEqual(["1-65535"]);
  });

  test("a range cuts at both its ends", () => {
    expect(segmentsOf("TCP", [onPorts(80, 90)])).toEqual(["1-79", "80-90", "91-65535"]);
    expect(segmentsOf("UDP", [onPorts(80, 90)])).toEqual(["1-65535"]);
  });

  test("ranges of several worlds cut together", () => {
    expect(segmentsOf("TCP", [onPorts(80, 90)], [onPorts(85)])).toEqual(["1-79", "80-84", "85", "86-90", "91-65535"]);
  });

  test("a name cuts at whatever some pod calls so, if a rule says it", () => {
    expect(segmentsOf("TCP", [onPorts("http"), podWith(80), podWith(8080)])).toEqual([
      "1-79",
      "80",
      "81-8079",
      "8080",
      "8081-65535",
    ]);
    expect(segmentsOf("TCP", [podWith(80)])).toEqual(["1-65535"]);
  });

  test("the ends of the space are ends of segments", () => {
    expect(segmentsOf("TCP", [onPorts(1, 65_535)])).toEqual(["1-65535"]);
    expect(segmentsOf("TCP", [onPorts(65_535)])).toEqual(["1-65534", "65535"]);
  });
});

describe("protocols without ports", () => {
  const named = ciliumPolicy({ ingress: [ciliumRule({ ports: [portItem([onPort(null, "GRE")])] })] });

  test("those that rules name are told apart; the rest is one", () => {
    expect(segmentsOf("GRE", [])).toEqual([]);
    expect(segmentsOf("GRE", [named])).toEqual(["0"]);
    expect(segmentsOf("other", [named])).toEqual(["0"]);
  });

  test("the rest has an example that no rule names", () => {
    const other = portSegments([new World([named])]).at(-1);
    expect(other).toMatchObject({ protocol: "other", example: "VRRP" });
  });

  test("types of ICMP are like ports", () => {
    const echo = ciliumPolicy({ ingress: [ciliumRule({ icmps: [{ protocol: "ICMP", type: 8 }] })] });
    expect(segmentsOf("ICMP", [echo])).toEqual(["0-7", "8", "9-255"]);
    expect(segmentsOf("ICMPv6", [echo])).toEqual(["0-255"]);
  });
});
