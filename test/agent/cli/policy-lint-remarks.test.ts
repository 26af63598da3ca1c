import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseObjects } from "#policy/parse/objects.ts";
import { ApiFixture } from "#test/agent/api/api-fixture.ts";
import { fakePorts } from "#test/agent/api/fake-ports.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { weir } from "./cli-fixture.ts";

const fixture = resolve(import.meta.dirname, "../../fixtures/policies/lint");
const policies = readFileSync(join(fixture, "policies.yaml"), "utf8");

let folder: TemporaryFolder;
beforeEach(() => {
  folder = new TemporaryFolder();
});
afterEach(() => folder[Symbol.dispose]());

test("warnings end with 1, in JSON with all that is known of them", async () => {
  const { exitCode, stdout, stderr } = await weir("/nowhere", "policy", "lint", "--objects", fixture, "-o", "json");
  expect([exitCode, stderr]).toEqual([1, ""]);
  expect(JSON.parse(stdout)).toContainEqual({
    code: "redundant",
    severity: "info",
    kind: "NetworkPolicy",
    namespace: "shop",
    name: "api",
    rule: "ingress[0]",
    file: "policies.yaml",
    line: 19,
    message: "changes nothing, whatever pods there are: NetworkPolicy shop/default-deny ingress[0] says the same",
    related: [
      {
        kind: "NetworkPolicy",
        namespace: "shop",
        name: "default-deny",
        rule: "ingress[0]",
        file: "policies.yaml",
        line: 9,
      },
    ],
  });
});

test("without warnings it ends with 0", async () => {
  const file = folder.join("fine.yaml");
  writeFileSync(file, policies.split("---\n")[1]?.replace("webb", "web") ?? "");
  const { exitCode, stdout } = await weir("/nowhere", "policy", "lint", file);
  expect([exitCode, stdout]).toEqual([
    0,
    `${file}:2: info: NetworkPolicy shop/api: no Pod of namespace shop is known, ` +
      "so whether selectors match any is not checked, here and below [not-checked]\n0 errors, 0 warnings, 1 remark\n",
  ]);
});

test("a file beside a folder is looked at in its light, in place of namesakes", async () => {
  const file = folder.join("api.yaml");
  writeFileSync(file, policies.split("---\n")[1] ?? "");
  const { stdout } = await weir("/nowhere", "policy", "lint", file, "--objects", fixture, "-o", "json");
  const found = JSON.parse(stdout) as { file: string; code: string }[];
  expect(found.map(({ file: where, code }) => [where, code])).toEqual([
    [file, "never-matches"],
    [file, "redundant"],
    [file, "selects-nothing"],
  ]);
});

test("bad input ends with 2 and says where it is", async () => {
  const file = folder.join("bad.yaml");
  writeFileSync(file, policies.replace("podSelector: {}", "podSelectr: {}"));
  const { exitCode, stdout, stderr } = await weir("/nowhere", "policy", "lint", file);
  expect([exitCode, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/bad\.yaml:6:3: spec\.podSelectr: /);
  expect((await weir("/nowhere", "policy", "lint", folder.join("none.yaml"))).exitCode).toBe(2);
});

test("without files it asks the agent", async () => {
  expect((await weir("/nowhere", "policy", "lint")).exitCode).toBe(3);
  const parsed = parseObjects(policies, "policies.yaml");
  const objects = (parsed.ok ? parsed.objects : []).map((object) => ({ ...object }));
  const inForce = () => ({ enforcement: "default" as const, cidrMatchesPods: "language" as const, objects });
  await using api = await ApiFixture.start({ policies: { ...fakePorts().policies, inForce } });
  const { exitCode, stdout } = await weir(api.runDir, "policy", "lint");
  expect(exitCode).toBe(1);
  expect(stdout).toContain("policies.yaml:9: warning: NetworkPolicy shop/default-deny ingress[0]: allows every");
});
