import { writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Evaluation } from "#agent/api/policy-views.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { type Outcome, weir } from "./cli-fixture.ts";

const pods = `apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop, labels: {app: web}}
status: {podIPs: [{ip: 10.0.0.7}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db-0, namespace: shop, labels: {app: db}}
status: {podIPs: [{ip: 10.0.0.8}]}
`;
const policy = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
    - from: [{podSelector: {matchLabels: {app: web}}}]
      ports: [{port: 5433}]
`;

let folder: TemporaryFolder;
beforeEach(() => {
  folder = new TemporaryFolder();
  writeFileSync(folder.join("pods.yaml"), pods);
  writeFileSync(folder.join("db.yaml"), policy);
  writeFileSync(folder.join("notes.txt"), "not for us");
});
afterEach(() => folder[Symbol.dispose]());

const evaluate = (...options: string[]): Promise<Outcome> =>
  weir("/nowhere", "policy", "eval", "--objects", folder.path, ...options, "-o", "json");

test("an allow names rule, file and line", async () => {
  const { exitCode, stdout } = await evaluate("--from", "shop/web-1", "--to", "shop/db-0", "--port", "5433");
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    verdict: "allow",
    ingress: {
      by: [{ kind: "NetworkPolicy", namespace: "shop", name: "db", rule: "ingress[0]", file: "db.yaml", line: 7 }],
    },
  } satisfies { verdict: string; ingress: Partial<Evaluation["ingress"]> });
});

test("a denial by default says what is nearest, also for addresses", async () => {
  for (const [from, to] of [
    ["shop/web-1", "shop/db-0"],
    ["10.0.0.7", "10.0.0.8"],
  ] as const) {
    const { stdout } = await evaluate("--from", from, "--to", to, "--port", "5432");
    expect(JSON.parse(stdout)).toMatchObject({
      verdict: "deny",
      ingress: { by: [], nearest: { name: "db", because: "port 5432 is not 5433" } },
    });
  }
});

test("a candidate stands in for its namesake", async () => {
  const candidate = folder.join("candidate");
  writeFileSync(candidate, policy.replace("5433", "5432"));
  const { stdout } = await evaluate(
    "--from",
    "shop/web-1",
    "--to",
    "shop/db-0",
    "--port",
    "5432",
    "--candidate",
    candidate,
  );
  expect(JSON.parse(stdout)).toMatchObject({ verdict: "allow", ingress: { by: [{ file: candidate }] } });
});

test("an unknown pod is not found; a wrong file is bad input", async () => {
  const unknown = await evaluate("--from", "shop/none", "--to", "shop/db-0", "--port", "80");
  expect([unknown.exitCode, unknown.stderr]).toEqual([4, "weir policy eval: pod shop/none is not known\n"]);
  const strange = await evaluate("--from", "none", "--to", "shop/db-0", "--port", "80");
  expect(strange.exitCode).toBe(2);
  writeFileSync(folder.join("bad.yaml"), "kind: Nonsense\n");
  const bad = await evaluate("--from", "shop/web-1", "--to", "shop/db-0", "--port", "80");
  expect(bad.exitCode).toBe(2);
  expect(bad.stderr).toMatch(/bad\.yaml:1:\d+: kind: /);
});

test("validate: every error with its place, and 2", async () => {
  writeFileSync(
    folder.join("bad.yaml"),
    policy.replace("port: 5433", "port: 99999").replace("podSelector: {", "podSelectr: {"),
  );
  const file = folder.join("bad.yaml");
  const { exitCode, stdout, stderr } = await weir("/nowhere", "policy", "validate", folder.join("pods.yaml"), file);
  expect(exitCode).toBe(2);
  const lines = stdout.trimEnd().split("\n");
  expect(lines.length).toBeGreaterThanOrEqual(2);
  for (const line of lines) expect(line).toMatch(/bad\.yaml:\d+:\d+: [^ ]+: ./);
  expect(stderr).toBe(`weir policy validate: ${lines.length} errors\n`);
});

test("validate: what is well is counted, and 0", async () => {
  const { exitCode, stdout } = await weir(
    "/nowhere",
    "policy",
    "validate",
    folder.join("pods.yaml"),
    folder.join("db.yaml"),
  );
  expect([exitCode, stdout]).toEqual([0, "valid: 3 objects in 2 files\n"]);
});
