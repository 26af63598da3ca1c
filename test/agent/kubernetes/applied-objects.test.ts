import { readdirSync, writeFileSync } from "node:fs";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { AppliedObjects } from "#agent/kubernetes/applied-objects.ts";
import { formatObjectProblem } from "#agent/kubernetes/object-source.ts";
import { readStored, storeObjects } from "#agent/kubernetes/stored-object.ts";
import { objectKey } from "#policy/model/object.ts";
import { formatLocatedError } from "#policy/parse/located-error.ts";
import { parseObjects } from "#policy/parse/objects.ts";
import { silentLog } from "#test/support/silent-log.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { policyYaml } from "./objects.ts";

let folder: TemporaryFolder;

beforeEach(() => {
  folder = new TemporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
});

function open(elsewhere?: () => { file: string; line: number }): AppliedObjects {
  return new AppliedObjects({ path: folder.path, log: silentLog(), ...(elsewhere && { elsewhere }) });
}

const indented = (text: string): string => `- ${text.trimEnd().replaceAll("\n", "\n  ")}\n`;

test.each([
  ["several documents", `# ours\n${policyYaml("a")}---\n\n${policyYaml("b")}`],
  ["a list", `apiVersion: v1\nkind: List\nitems:\n${indented(policyYaml("a"))}${indented(policyYaml("b"))}`],
  [
    "JSON on one line",
    JSON.stringify({
      apiVersion: "v1",
      kind: "List",
      items: ["a", "b"].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    }),
  ],
  ["a typed list", "apiVersion: v1\nkind: NamespaceList\nitems:\n- metadata: {name: a}\n- metadata: {name: b}\n"],
  [
    "an anchor",
    policyYaml("a").replace("{app: web}", "&l {app: web}").replace("podSelector: {}", "podSelector: {matchLabels: *l}"),
  ],
])("what was applied survives a restart with file and lines: %s", (_form, text) => {
  const before = open();
  const result = before.apply(text, "web.yaml");
  expect(result.ok && result.objects.length).toBeGreaterThan(0);
  const after = open();
  expect(after.list()).toEqual(before.list());
  expect(after.current().problems).toEqual([]);
});

test("each object is a file of its own, and goes by its name", () => {
  const applied = open();
  applied.apply(`${policyYaml("a")}---\n${policyYaml("b")}`, "web.yaml");
  expect(readdirSync(folder.path)).toEqual(["NetworkPolicy_shop_a.yaml", "NetworkPolicy_shop_b.yaml"]);
  expect([applied.delete("NetworkPolicy/shop/a"), applied.delete("NetworkPolicy/shop/a")]).toEqual([true, false]);
  expect(open().list().map(objectKey)).toEqual(["NetworkPolicy/shop/b"]);
});

test("an object goes in the place of an earlier one with its name", () => {
  const applied = open();
  let changes = 0;
  using _listening = applied.onChange(() => changes++);
  applied.apply(policyYaml("a"), "old.yaml");
  applied.apply(policyYaml("a", "shop", "db"), "new.yaml");
  expect(applied.list().map(({ source }) => source.file)).toEqual(["new.yaml"]);
  expect(changes).toBe(2);
});

test("of a malformed file nothing is taken", () => {
  const applied = open();
  const result = applied.apply(`${policyYaml("a")}---\nkind: Nonsense\n`, "web.yaml");
  expect(result.ok ? [] : result.errors.map(formatLocatedError)).toEqual([
    expect.stringMatching(/^web\.yaml:14:7: kind: /),
  ]);
  expect(readdirSync(folder.path)).toEqual([]);
});

test("what another source defines is refused", () => {
  const result = open(() => ({ file: "db.yaml", line: 3 })).apply(policyYaml("a"), "web.yaml");
  expect(result.ok ? [] : result.errors.map(formatLocatedError)).toEqual([
    "web.yaml:1:1: metadata.name: NetworkPolicy/shop/a is already defined at db.yaml:3; change it there",
  ]);
});

test("a stored file that was spoiled is a problem, and the others are used", () => {
  open().apply(`${policyYaml("a")}---\n${policyYaml("b")}`, "web.yaml");
  writeFileSync(folder.join("NetworkPolicy_shop_a.yaml"), policyYaml("a"));
  const applied = open();
  expect(applied.list().map(objectKey)).toEqual(["NetworkPolicy/shop/b"]);
  expect(applied.current().problems.map(formatObjectProblem)).toEqual([
    `${folder.join("NetworkPolicy_shop_a.yaml")}: is not used: its first line does not say where it comes from`,
  ]);
  applied.apply(policyYaml("a"), "web.yaml");
  expect(applied.current().problems).toEqual([]);
});

test("a very long name has a file too", () => {
  const name = Array.from({ length: 4 }, () => "x".repeat(60)).join(".");
  open().apply(policyYaml(name, "n".repeat(63)), "web.yaml");
  expect(open().list()).toHaveLength(1);
});

test("thousands of objects of one file are stored in moments", () => {
  const one = (n: number): string => `apiVersion: v1\nkind: Namespace\nmetadata: {name: n${n}}\n`;
  const objects = Array.from({ length: 6_000 }, (_, n) => one(n));
  const separated = objects.join("---\n");
  const parsed = parseObjects(separated, "many.yaml");
  expect(parsed.ok && storeObjects(separated, "many.yaml", parsed.objects).size).toBe(6_000);
  const items = objects.map((_, n) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name: `n${n}` } }));
  const line = JSON.stringify({ apiVersion: "v1", kind: "List", items });
  const listed = parseObjects(line, "many.json");
  expect(listed.ok && storeObjects(line, "many.json", listed.objects).size).toBe(6_000);
});

test("an object with very many labels is stored in moments", () => {
  const labels = Array.from({ length: 80_000 }, (_, n) => `l${n}: a`).join();
  const text = `apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b, labels: {${labels}}}\n`;
  const parsed = parseObjects(text, "pod.yaml");
  expect(parsed.ok && storeObjects(text, "pod.yaml", parsed.objects).size).toBe(1);
});

test("what was stored keeps its line in the applied file", () => {
  const stored = '# applied: {"file":"web.yaml","line":7}\nkind: Namespace\napiVersion: v1\nmetadata: {name: a}\n';
  expect(readStored(stored)).toMatchObject({ ok: true, object: { source: { file: "web.yaml", line: 7 } } });
});
