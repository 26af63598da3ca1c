import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

const program = resolve(import.meta.dirname, "../../../agent/cli/main.ts");
const POD = `apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
status: {podIP: 192.0.2.5}
`;

function ranges(count: number): string {
  return Array.from({ length: count }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`).join(",");
}

function policy(name: string, from: string, app = "web"): string {
  return `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: ${name}, namespace: shop}
spec: {podSelector: {matchLabels: {app: ${app}}}, ingress: [{from: [${from}]}]}
`;
}

test.each(["SIGINT", "SIGTERM"] as const)("%s ends policy diff in the midst of its work", async (signal) => {
  using folder = new TemporaryFolder();
  writeFileSync(folder.join("pod.yaml"), POD);
  const child = spawn(process.execPath, [program, "policy", "diff", "--objects", folder.path, "--candidate", "-"]);
  const exit = once(child, "exit");
  // More than a pipe holds: once it is written, the program is at work.
  child.stdin.end(policy("many", `{ipBlock: {cidr: 10.0.0.0/8, except: [${ranges(60_000)}]}}`));
  await once(child.stdin, "finish");
  child.kill(signal);
  expect(await exit).toEqual([null, signal]);
});

test("what is too much to compare is bad input", async () => {
  using folder = new TemporaryFolder();
  const apps = Array.from({ length: 200 }, (_, i) => `app-${i}`);
  const pods = apps.map((app, i) => POD.replaceAll("web", app).replace("192.0.2.5", `192.0.2.${i}`));
  const own = apps.map((app) => policy(app, "{podSelector: {}}", app));
  writeFileSync(folder.join("objects.yaml"), [...pods, ...own].join("---\n"));
  writeFileSync(
    folder.join("many.yaml"),
    policy("many", `{ipBlock: {cidr: 10.0.0.0/8, except: [${ranges(30_000)}]}}`, "none"),
  );
  const child = spawn(process.execPath, [program, "policy", "diff", "--promote", "--objects", folder.path]);
  const stderr = text(child.stderr);
  expect(await once(child, "exit")).toEqual([2, null]);
  expect(await stderr).toMatch(/^weir policy diff: the objects are too many to compare: .* and 5000000 is the most/);
}, 60_000);
