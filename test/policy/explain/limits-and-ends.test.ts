import { expect, test } from "vitest";
import { type Evaluation, evaluate } from "#policy/explain/evaluate.ts";
import { resolveParties } from "#policy/explain/parties.ts";
import { parseObjects } from "#policy/parse/objects.ts";

const pods = ["web", "db"]
  .map(
    (name, i) => `apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: prod, labels: {app: ${name}}}
spec: {containers: [{ports: [{name: pg, containerPort: 5432}]}]}
status: {podIP: 10.0.0.${i + 1}}
---
`,
  )
  .join("");
const policy = (annotations: string, spec: string): string => `${pods}apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: prod, annotations: {${annotations}}}
spec:
${spec}`;
const toDb = (annotations: string): string =>
  policy(
    annotations,
    `  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 5432}]
`,
  );

function ask(text: string, port = 5432, at = Date.parse("2026-01-01T00:00:00Z")): Evaluation {
  const parsed = parseObjects(text, "np.yaml");
  if (!parsed.ok) throw new Error(parsed.errors[0]?.message);
  const parties = resolveParties(parsed.objects, "prod/web", "prod/db");
  if (!parties.ok) throw new Error(parties.error);
  const { source, destination } = parties;
  return evaluate(parsed.objects, { source, destination, port, protocol: "TCP" }, { at });
}

const ended = `weir.io/not-after: "2020-01-01T00:00:00Z"`;

test("a rule that has ended is the nearest where it lacks nothing else", () => {
  expect(ask(toDb(ended)).ingress).toMatchObject({
    verdict: "deny",
    by: [],
    nearest: { name: "db", rule: "ingress[0]", line: 19, because: "ended 2020-01-01T00:00:00Z" },
    staged: null,
  });
  const both = `${toDb(`weir.io/not-after: "ingress[0]=2020-01-01T00:00:00.5Z"`)}  - ports: [{port: 5433}]\n`;
  expect(ask(both).ingress.nearest).toMatchObject({ rule: "ingress[0]", because: "ended 2020-01-01T00:00:00.500Z" });
  expect(ask(both, 5434).ingress.nearest).toMatchObject({ rule: "ingress[1]", because: "port 5434 is not 5433" });
  expect(ask(both, 5433).verdict).toBe("allow");
});

test("an end is one reason among others, and a rule that never ends decides as before", () => {
  expect(ask(toDb(ended), 5433).ingress.nearest?.because).toBe("ended 2020-01-01T00:00:00Z and port 5433 is not 5432");
  expect(ask(toDb(ended), 5432, Date.parse("2019-01-01T00:00:00Z")).verdict).toBe("allow");
});

test("what is staged and has ended is nothing that is staged", () => {
  const staged = `${ended}, weir.io/stage: "ingress[0]=audit"`;
  expect(ask(toDb(staged)).ingress).toMatchObject({ verdict: "deny", staged: null });
});

test("limits and the end of a rule that allows are told", () => {
  const annotations = `weir.io/not-after: "2030-01-01T00:00:00Z", weir.io/rate-limit: 50/s, weir.io/connection-limit: "10"`;
  expect(ask(toDb(annotations)).ingress.terms).toEqual([
    { notAfter: "2030-01-01T00:00:00Z", rate: 50, connections: 10 },
  ]);
  expect(ask(toDb("")).ingress.terms).toBeUndefined();
});

const byBlock = (rule: string): string =>
  policy("", `  podSelector: {matchLabels: {app: web}}\n  policyTypes: [Egress]\n  egress:\n${rule}`);

test.each([
  ["  - {to: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: pg}]}\n", "allow", "denies"],
  ["  - {to: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: pg}, {port: 5432}]}\n", "allow", null],
  ["  - {to: [{ipBlock: {cidr: 10.0.0.0/8}}, {podSelector: {}}], ports: [{port: pg}]}\n", "allow", null],
  ["  - {to: [{podSelector: {}}], ports: [{port: pg}]}\n", "allow", null],
  ["  - {ports: [{port: pg}]}\n", "allow", null],
  ["  - {to: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: pg}]}\n  - {ports: [{port: 5432}]}\n", "allow", null],
  ["  - {to: [{ipBlock: {cidr: 172.16.0.0/12}}], ports: [{port: pg}]}\n", "deny", null],
])("egress %j is evaluated as %s; the datapath: %s", (rule, verdict, does) => {
  const { egress } = ask(byBlock(rule));
  expect(egress.verdict).toBe(verdict);
  const note = does === null ? undefined : `the datapath ${does} this: it has no named ports for address blocks`;
  expect(egress.note).toBe(note);
});
