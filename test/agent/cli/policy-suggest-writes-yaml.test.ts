import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseObjects } from "#policy/parse/objects.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { type Outcome, weir } from "./cli-fixture.ts";

const fixture = resolve(import.meta.dirname, "../../fixtures/policies/suggest");
const flows = join(fixture, "flows.jsonl");
const suggest = (...options: string[]): Promise<Outcome> =>
  weir("/nowhere", "policy", "suggest", "--objects", fixture, ...options);

let folder: TemporaryFolder;
beforeEach(() => {
  folder = new TemporaryFolder();
});
afterEach(() => folder[Symbol.dispose]());

test("NetworkPolicies for what was seen, and what they do not say on standard error", async () => {
  const { exitCode, stdout, stderr } = await suggest("--flows", flows);
  expect(exitCode).toBe(0);
  const parsed = parseObjects(stdout, "suggestion.yaml");
  expect(parsed.ok && parsed.objects.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`)).toEqual([
    "NetworkPolicy kube-system/kube-dns",
    "NetworkPolicy shop/api",
    "NetworkPolicy shop/web",
    "NetworkPolicy shop/web-canary",
  ]);
  expect(stderr.trimEnd().split("\n")).toEqual([
    "weir: 1 connection left out that was always dropped; --include-denied takes them in",
    "weir: shop/api: from remote-node 192.168.0.2: by its address, for which a NetworkPolicy has no name",
    "weir: shop/api: from shop/app=web,!track: ICMP type 8 left out, a NetworkPolicy cannot name it",
    "weir: shop/web: to 203.0.113.7 (pay.example.com): by its address, which may change",
    "weir: shop/web: to 203.0.113.8 (pay.example.com): by its address, which may change",
    "weir: shop/web: to shop/app=api: ICMP type 8 left out, a NetworkPolicy cannot name it",
    "weir: 1 connection would be denied by these policies",
  ]);
});

test.each(["kubernetes", "cilium"])("what %s policies allow of what was seen does not change by them", async (as) => {
  const file = folder.join("suggestion.yaml");
  writeFileSync(file, (await suggest("--flows", flows, "--as", as, "--include-denied")).stdout);
  const options = ["--objects", fixture, "--candidate", file, "--flows", flows, "-o", "json"];
  const { stdout } = await weir("/nowhere", "policy", "diff", ...options);
  const { changes } = JSON.parse(stdout) as { changes: { before: string; after: string }[] };
  const kinds = changes.map(({ before, after }) => `${before} -> ${after}`);
  // A NetworkPolicy has no words for the one ping; DNS goes by the proxy with Cilium's.
  expect(kinds).toEqual([as === "kubernetes" ? "allow -> deny" : "allow -> redirect"]);
});

test("what it writes is nothing that lint would remark", async () => {
  for (const as of ["kubernetes", "cilium"]) {
    const file = folder.join(`${as}.yaml`);
    writeFileSync(file, (await suggest("--flows", flows, "--as", as)).stdout);
    const { exitCode, stdout } = await weir("/nowhere", "policy", "lint", "--objects", fixture, file);
    expect([exitCode, stdout]).toEqual([0, "nothing to remark\n"]);
  }
});

test("bad flows end with 2 and say where they are bad", async () => {
  const file = folder.join("flows.jsonl");
  writeFileSync(file, '{"source": {}}\n{"source": {"namespace": 7}}\nnonsense\n');
  const { exitCode, stdout, stderr } = await suggest("--flows", file);
  expect([exitCode, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/flows\.jsonl:2:26: source\.namespace: .*\n.*flows\.jsonl:3:1: flow: /);
  const missing = await suggest("--flows", folder.join("none.jsonl"));
  expect([missing.exitCode, missing.stderr]).toEqual([2, expect.stringContaining("none.jsonl")]);
});

test("where a namespace was asked for, it is its pods that are at no end", async () => {
  const { exitCode, stdout, stderr } = await suggest("--flows", flows, "--namespace", "nonesuch");
  expect([exitCode, stdout]).toEqual([0, ""]);
  expect(stderr).toMatch(/no policy to suggest: no pod of namespace nonesuch is at an end of \d+ connections\n/);
});

test("several connections that were always dropped are told in the plural", async () => {
  const file = folder.join("flows.jsonl");
  const dropped = (port: number): string =>
    JSON.stringify({
      verdict: "DROPPED",
      source: { namespace: "shop", pod_name: "web-1" },
      destination: { namespace: "shop", pod_name: "api-1" },
      l4: { TCP: { destination_port: port } },
    });
  writeFileSync(file, `${dropped(1)}\n${dropped(2)}\n`);
  const { stderr } = await suggest("--flows", file);
  expect(stderr).toContain("weir: 2 connections left out that were always dropped;");
});

test("a flow that is nested too deep is refused with its place", async () => {
  const file = folder.join("flows.jsonl");
  writeFileSync(file, `{"source": {}, "extra": ${"[".repeat(20_000)}${"]".repeat(20_000)}}\n`);
  const { exitCode, stderr } = await suggest("--flows", file);
  expect([exitCode, stderr]).toEqual([2, `weir policy suggest: ${file}:1:1: flow: is nested deeper than 64 levels\n`]);
});

test("no flows are no policies, and that is said", async () => {
  const file = folder.join("flows.jsonl");
  writeFileSync(file, "");
  expect(await suggest("--flows", file)).toEqual({
    exitCode: 0,
    stdout: "",
    stderr: "weir: no policy to suggest: no pod is at an end of 0 connections\n",
  });
});
