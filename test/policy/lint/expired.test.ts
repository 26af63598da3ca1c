import { expect, test } from "vitest";
import { lintText, messages } from "#test/support/lint-text.ts";

const END = Date.parse("2026-06-01T00:00:00Z");
const text = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: p
  namespace: shop
  annotations: {weir.io/not-after: "ingress[1]=2026-06-01T00:00:00Z"}
spec:
  podSelector: {}
  ingress:
    - from: [{podSelector: {matchLabels: {app: web}}}]
    - from: [{podSelector: {}}]
`;

test("a rule whose time is over is told, and covers nothing any more", () => {
  const told = lintText(text, { at: END }).map(({ code, rule }) => [code, rule]);
  expect(told).toEqual([["expired", "ingress[1]"]]);
  expect(messages("expired", text, { at: END })).toEqual([
    "ingress[1]: has not counted since 2026-06-01T00:00:00.000Z",
  ]);
});

test("before that, or at no time, it is a rule like others", () => {
  expect(messages("expired", text, { at: END - 1 })).toEqual([]);
  expect(lintText(text).map(({ code }) => code)).toEqual([]);
});
