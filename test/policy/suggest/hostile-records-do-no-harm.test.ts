import { expect, test } from "vitest";
import { parseObjects } from "#policy/parse/objects.ts";
import { readRecordedFlows } from "#policy/simulate/recorded-flows.ts";
import { readFlows } from "#policy/suggest/recorded.ts";
import { suggest } from "#policy/suggest/suggest.ts";
import { toYaml } from "#policy/suggest/yaml.ts";

const flow = (source: object, destination: object, more: object = {}): string =>
  JSON.stringify({
    verdict: "FORWARDED",
    is_reply: false,
    IP: { source: "10.0.0.1", destination: "192.0.2.1" },
    l4: { TCP: { destination_port: 80 } },
    source,
    destination,
    ...more,
  });
const web = { namespace: "shop", pod_name: "web-0", labels: ["k8s:app=web"] };
const world = { labels: ["reserved:world"] };

/** The text of the suggestions, which must be right whatever was recorded. */
function textOf(line: string, as: "kubernetes" | "cilium"): string {
  const { flows } = readFlows([], readRecordedFlows(line, "flows.jsonl").flows, false);
  const text = toYaml(suggest([], flows, { as }).policies);
  const parsed = parseObjects(text, "suggestion.yaml");
  expect(parsed.ok ? [] : parsed.errors).toEqual([]);
  return text;
}

test.each([
  [
    "labels that are none",
    { ...web, labels: ["k8s:app=web", "k8s:a b=c", "k8s:x=y\nz: 1", "k8s:__proto__=a"] },
    world,
    {},
  ],
  ["a namespace that is none", { ...web, namespace: "sh op\nkind: Pod" }, world, {}],
  ["a very long label", { ...web, labels: [`k8s:app=${"a".repeat(10_000)}`] }, world, {}],
  ["no labels at all", { ...web, labels: [] }, world, {}],
  ["names that are none", web, world, { destination_names: ["a b", "*", "x\n- y", `${"a.".repeat(200)}b`] }],
  [
    "a name with a line's end, and DNS",
    web,
    world,
    { destination_names: ["a\r\nkind: Pod"], l4: { UDP: { destination_port: 53 } } },
  ],
])("%s", (_, source, destination, more) => {
  for (const as of ["kubernetes", "cilium"] as const) {
    const text = textOf(flow(source, destination, more), as);
    expect(text).not.toMatch(/^kind: Pod/m);
  }
});

test("what was always dropped counts only if that is wanted", () => {
  const { flows: recorded } = readRecordedFlows(flow(web, world, { verdict: "DROPPED" }), "flows.jsonl");
  expect(readFlows([], recorded, false)).toEqual({ flows: [], dropped: 1, unresolved: 0 });
  expect(readFlows([], recorded, true)).toMatchObject({ flows: [{ port: 80 }], dropped: 0 });
});

test("a record that does not say who somebody is, is counted", () => {
  const line = JSON.stringify({
    verdict: "FORWARDED",
    l4: { TCP: { destination_port: 80 } },
    source: web,
    destination: {},
  });
  const { flows: recorded } = readRecordedFlows(line, "flows.jsonl");
  expect(readFlows([], recorded, false)).toEqual({ flows: [], dropped: 0, unresolved: 1 });
});
