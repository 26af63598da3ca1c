import { expect, test } from "vitest";
import { formatLocatedError } from "#policy/parse/located-error.ts";
import { parseObjects } from "#policy/parse/objects.ts";

/** What is wrong with the annotations and labels of a policy with the rules ingress[0] and ingressDeny[0]. */
function errorsOf(metadata: string): string[] {
  const text = `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: p, ${metadata}}
spec:
  endpointSelector: {}
  ingress: [{fromEntities: [all]}]
  ingressDeny: [{fromEntities: [world]}]
`;
  const parsed = parseObjects(text, "f");
  return parsed.ok ? [] : parsed.errors.map(formatLocatedError);
}

const AT = "f:3:";
const annotated = (name: string, value: string): string => `annotations: {weir.io/${name}: "${value}"}`;

const table: [string, string, string][] = [
  ["stage", "enforce", '"enforce" is not audit'],
  ["stage", "", '"" is not audit'],
  ["stage", "Audit", '"Audit" is not audit'],
  ["stage", "ingress[0]=x", 'ingress[0]: "x" is not audit'],
  ["stage", "ingress[0]=audit=audit", 'ingress[0]: "audit=audit" is not audit'],
  ["rate-limit", "0/s", '"0/s" is not a rate like 100/s, from 1/s to 1000000/s'],
  ["rate-limit", "1000001/s", '"1000001/s" is not a rate'],
  ["rate-limit", "100", '"100" is not a rate'],
  ["rate-limit", "1e3/s", '"1e3/s" is not a rate'],
  ["connection-limit", "-1", '"-1" is not a whole number from 1 to 1000000'],
  ["proxy-failure", "closed", '"closed" is not open'],
  ["connection-limit", "1.5", '"1.5" is not a whole number'],
  ["connection-limit", "01", '"01" is not a whole number'],
  ["not-after", "tomorrow", '"tomorrow" is not an instant with its zone, like 2026-12-31T00:00:00Z'],
  ["not-after", "2026-12-31", '"2026-12-31" is not an instant'],
  ["not-after", "2026-12-31T00:00:00", '"2026-12-31T00:00:00" is not an instant'],
  ["not-after", "2026-02-30T00:00:00Z", '"2026-02-30T00:00:00Z" is not an instant'],
  ["not-after", "2026-13-01T00:00:00Z", '"2026-13-01T00:00:00Z" is not an instant'],
  ["not-after", "2026-01-01T24:00:00Z", '"2026-01-01T24:00:00Z" is not an instant'],
  ["not-after", "2026-01-01T00:00:60Z", '"2026-01-01T00:00:60Z" is not an instant'],
  ["not-after", "2026-01-01T00:00:00+24:00", '"2026-01-01T00:00:00+24:00" is not an instant'],
  ["stage", "audit, ingress[0]=audit", "is neither one value for the whole object nor a list RULE=VALUE,RULE=VALUE"],
  ["stage", "audit,", '"audit," is neither one value'],
  ["stage", "ingress[0]=audit,", '"ingress[0]=audit," is neither one value'],
  ["stage", "ingress[0]=audit,ingress[0]=audit", "names ingress[0] twice"],
  ["stage", "ingress[1]=audit", 'names the rule "ingress[1]", but the object has ingress[0], ingressDeny[0]'],
  ["stage", "=audit", 'names the rule "", but the object has ingress[0], ingressDeny[0]'],
  ["stage", "__proto__=audit", 'names the rule "__proto__", but the object has'],
  ["stage", "specs[0].ingress[0]=audit", 'names the rule "specs[0].ingress[0]", but the object has'],
  ["rate-limit", "ingressDeny[0]=1/s", "limits ingressDeny[0], which denies; limits are for rules that allow"],
  ["connection-limit", "ingressDeny[0]=1", "limits ingressDeny[0], which denies"],
];

test.each(table)("%s: %s", (name, value, expected) => {
  const errors = errorsOf(annotated(name, value));
  expect(errors).toEqual([expect.stringContaining(expected)]);
  expect(errors[0]).toContain(`${AT}${45 + name.length}: metadata.annotations.weir.io/${name}: `);
});

const UNKNOWN =
  "is not known; known are weir.io/stage, weir.io/not-after, weir.io/rate-limit, weir.io/connection-limit";

test.each([
  ["annotations: {weir.io/staged: audit}", `f:3:35: metadata.annotations.weir.io/staged: ${UNKNOWN}`],
  ["annotations: {Weir.io/stage: audit}", `f:3:35: metadata.annotations.Weir.io/stage: ${UNKNOWN}`],
  [
    "annotations: {weir.io/stage: true}",
    "f:3:50: metadata.annotations.weir.io/stage: is the boolean true, not a string",
  ],
  ["labels: {weir.io/stage: x}", 'f:3:45: metadata.labels.weir.io/stage: "x" is not audit'],
  ["labels: {weir.io/rate-limit: x}", "f:3:30: metadata.labels.weir.io/rate-limit: is an annotation, not a label"],
  [
    "labels: {weir.io/audit: x}",
    "f:3:30: metadata.labels.weir.io/audit: is not known; the only label of weir.io/ is stage",
  ],
  [
    'labels: {weir.io/stage: audit}, annotations: {weir.io/stage: "ingress[0]=audit"}',
    "f:3:82: metadata.annotations.weir.io/stage: speaks of single rules, but the label of that name stages the whole object",
  ],
])("%s", (metadata, expected) => {
  expect(errorsOf(metadata)).toEqual([expect.stringContaining(expected)]);
});

test("a Pass has no limit", () => {
  const text = `{apiVersion: policy.networking.k8s.io/v1beta1, kind: ClusterNetworkPolicy,
    metadata: {name: p, annotations: {weir.io/rate-limit: "egress[0]=1/s"}},
    spec: {tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Pass, to: [{nodes: {}}]}]}}`;
  expect(parseObjects(text, "f")).toMatchObject({
    errors: [{ message: "limits egress[0], which only passes on; limits are for rules that allow" }],
  });
});

test("of many rules the first are named", () => {
  const text = `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p,
    annotations: {weir.io/stage: "egress[0]=audit"}}, spec: {ingress: [${"{}, ".repeat(12)}]}}`;
  const known = Array.from({ length: 10 }, (_, i) => `ingress[${i}]`).join(", ");
  expect(parseObjects(text, "f")).toMatchObject({
    errors: [{ message: `names the rule "egress[0]", but the object has ${known} and 2 more` }],
  });
});

test.each([
  ["v1", "Pod"],
  ["v1", "Namespace"],
  ["v1", "Service"],
  ["cilium.io/v2", "CiliumCIDRGroup"],
])("on a kind that is no policy they have no effect, and are refused: %s %s", (version, kind) => {
  const text = `{apiVersion: ${version}, kind: ${kind}, metadata: {name: x, annotations: {weir.io/stage: audit, weir.io/x: y}}, spec: {externalCIDRs: []}}`;
  expect(parseObjects(text, "f")).toMatchObject({
    errors: [
      {
        field: "metadata.annotations.weir.io/stage",
        message: `has no effect on a ${kind}; it belongs on a policy`,
      },
    ],
  });
});
