import { expect, test } from "vitest";
import type { LabelSelector } from "#policy/model/selector.ts";
import { ciliumPolicy, specText } from "#test/support/cilium-text.ts";

function selector(text: string): LabelSelector | null | undefined {
  return ciliumPolicy(specText(`{endpointSelector: ${text}}`)).specs[0]?.endpoints;
}

test("the sources of labels are cut off", () => {
  const labels = "'k8s:app': a, 'any:tier': b, plain: c, 'k8s:app.kubernetes.io/name': d";
  expect(selector(`{matchLabels: {${labels}}}`)).toEqual({
    matchLabels: { app: "a", tier: "b", plain: "c", "app.kubernetes.io/name": "d" },
    matchExpressions: [],
  });
});

test("a dot is part of the key, not the end of a source", () => {
  expect(selector("{matchLabels: {k8s.app: a, any.b: c}}")?.matchLabels).toEqual({ "k8s.app": "a", "any.b": "c" });
});

test("one label with two sources must have both values", () => {
  expect(selector("{matchLabels: {'k8s:app': a, 'any:app': b, app: a}}")).toEqual({
    matchLabels: { app: "a" },
    matchExpressions: [{ key: "app", operator: "In", values: ["b"] }],
  });
});

test("namespaces, their labels, service accounts and clusters keep their keys", () => {
  const long = `example.com/${"a".repeat(63)}`;
  const keys = [
    "io.kubernetes.pod.namespace",
    "io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name",
    `io.cilium.k8s.namespace.labels.${long}`,
    "io.cilium.k8s.policy.serviceaccount",
    "io.cilium.k8s.policy.cluster",
  ];
  for (const source of ["", "k8s:", "any:"]) {
    const labels = keys.map((key) => `? '${source}${key}' : a`).join(", ");
    expect(Object.keys(selector(`{matchLabels: {${labels}}}`)?.matchLabels ?? {})).toEqual(keys);
  }
});

test("expressions", () => {
  const expressions = [
    "{key: 'k8s:a', operator: In, values: [b, '']}",
    "{key: 'any:a', operator: NotIn, values: [c]}",
    "{key: a, operator: Exists}",
    "{key: io.kubernetes.pod.namespace, operator: DoesNotExist, values: []}",
  ];
  expect(selector(`{matchExpressions: [${expressions.join(", ")}]}`)?.matchExpressions).toEqual([
    { key: "a", operator: "In", values: ["b", ""] },
    { key: "a", operator: "NotIn", values: ["c"] },
    { key: "a", operator: "Exists", values: [] },
    { key: "io.kubernetes.pod.namespace", operator: "DoesNotExist", values: [] },
  ]);
});

test("reserved parties keep their source", () => {
  expect(selector("{matchLabels: {'reserved:health': ''}}")?.matchLabels).toEqual({ "reserved:health": "" });
  expect(selector("{matchExpressions: [{key: 'reserved:init', operator: Exists}]}")?.matchExpressions).toEqual([
    { key: "reserved:init", operator: "Exists", values: [] },
  ]);
});

test("labels may be called like the members of objects", () => {
  expect(selector("{matchLabels: {constructor: a, 'k8s:toString': b}}")?.matchLabels).toEqual({
    constructor: "a",
    toString: "b",
  });
});
