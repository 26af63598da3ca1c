import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const sources = globSync("bpf/{*.c,lib/*.h}", { cwd: root }).map((path) => readFileSync(join(root, path), "utf8"));

test("bpf/README.md says of every map what happens when it is full", () => {
  const declared = sources.flatMap((text) => [...text.matchAll(/^} (\w+) SEC\("\.maps"\)/gm)].map(([, name]) => name));
  const [, section = ""] = readFileSync(join(root, "bpf/README.md"), "utf8").split("## When a map is full");
  const described = [...section.matchAll(/^\| ((?:`\w+`[ ,]*)+)\|/gm)].flatMap(([, names = ""]) => {
    return [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name);
  });
  expect(declared.filter((name) => !described.includes(name))).toEqual([]);
  expect(described.filter((name) => !declared.includes(name) && name !== "policy_slot")).toEqual([]);
});

test("every place that drops has a counter at every hook", () => {
  const places = sources.reduce((sum, text) => sum + text.split("DROP(").length - 1, 0);
  const counters = readFileSync(join(root, "bpf/lib/counters.h"), "utf8");
  const capacity = Number(/max_entries, (\d+)\);\s*__type\(key, struct counter_key\)/.exec(counters)?.[1]);
  const hooks = Number(/HOOK_END = (\d+)/.exec(readFileSync(join(root, "bpf/lib/shared/event.h"), "utf8"))?.[1]) - 1;
  expect(places).toBeGreaterThan(50);
  expect(places * hooks).toBeLessThanOrEqual(capacity);
});
