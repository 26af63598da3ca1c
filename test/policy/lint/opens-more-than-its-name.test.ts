import { expect, test } from "vitest";
import { ciliumText, clusterText, messages, networkPolicy } from "#test/support/lint-text.ts";

const told = (text: string): string[] => messages("opens-more-than-its-name", text);

test("a default deny that allows all", () => {
  expect(told(networkPolicy("{podSelector: {}, ingress: [{}]}", "default-deny"))).toEqual([
    ': says "deny", but ingress[0] allows everything from everybody',
  ]);
  expect(told(networkPolicy("{podSelector: {}, policyTypes: [Ingress]}", "default-deny"))).toEqual([]);
  expect(told(networkPolicy("{podSelector: {}, ingress: [{}]}", "default-allow"))).toEqual([]);
});

test("a lockdown that isolates nobody and has only allows", () => {
  const accept = "ingress: [{action: Accept, from: [{namespaces: {matchLabels: {team: shop}}}]}]";
  expect(told(clusterText(1, accept, "lockdown"))).toEqual([
    ': says "lockdown", but isolates nobody, and has only rules that allow',
  ]);
  expect(told(clusterText(1, accept.replace("Accept", "Deny"), "lockdown"))).toEqual([]);
});

test("a deny that leaves the rest open means what it says", () => {
  const spec = "{endpointSelector: {}, ingressDeny: [{fromEntities: [world]}], ingress: [{fromEntities: [all]}]}";
  expect(told(ciliumText(spec, "block-world"))).toEqual([]);
  expect(told(ciliumText("{endpointSelector: {}, ingress: [{fromEntities: [all]}]}", "block-world"))).toHaveLength(1);
});

test("words are words, not parts of them", () => {
  expect(told(networkPolicy("{podSelector: {}, ingress: [{}]}", "blockchain"))).toEqual([]);
});
