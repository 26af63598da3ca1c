import { expect, test } from "vitest";
import { formatLocatedError } from "#policy/parse/located-error.ts";
import { parseObjects } from "#policy/parse/objects.ts";

const errorsOf = (text: string): string[] => {
  const parsed = parseObjects(text, "f.yaml");
  return parsed.ok ? [] : parsed.errors.map(formatLocatedError);
};
const policy = (port: string): string => `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a}
spec: {podSelector: {}, ingress: [{ports: [{port: ${port}}]}]}
`;

test.each([
  ["010", 10],
  ["0o10", 8],
  ["00080", 80],
  ["+010", 10],
  ["010.0", 10],
])("port: %s is refused", (port, value) => {
  expect(errorsOf(policy(port))).toEqual([
    `f.yaml:4:51: spec.ingress[0].ports[0].port: ${port} begins with 0, which other readers of YAML take as octal; write ${value}`,
  ]);
});

test("in other kinds and fields, too", () => {
  expect(errorsOf(policy("80, endPort: 0100"))).toEqual([expect.stringContaining("endPort: 0100 begins with 0, ")]);
  const cilium = `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: a}
spec: {endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: PORT}]}]}]}
`;
  expect(errorsOf(cilium.replace("PORT", "010"))).toEqual([expect.stringContaining("port: 010 begins with 0, ")]);
  // A text, of which Cilium takes the number.
  expect(errorsOf(cilium.replace("PORT", '"010"'))).toHaveLength(1);
  expect(errorsOf(cilium.replace("PORT", "0"))).toEqual([]);
});

test("a number that all read alike is taken", () => {
  expect(errorsOf(policy("80"))).toEqual([]);
  expect(errorsOf(policy("0x50"))).toEqual([]);
});
