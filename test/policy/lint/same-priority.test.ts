import { expect, test } from "vitest";
import { clusterText, messages } from "#test/support/lint-text.ts";

const told = (text: string): string[] => messages("same-priority", text);
const rule = (action: string, peer = "{namespaces: {}}"): string => `ingress: [{action: ${action}, from: [${peer}]}]`;

test("two policies of one priority that say different things", () => {
  expect(told(clusterText(5, rule("Deny"), "a") + clusterText(5, rule("Accept"), "b"))).toEqual([
    ": ingress[0] and ClusterNetworkPolicy a ingress[0] say different things of the same traffic, " +
      "and neither has the higher priority",
  ]);
});

test("not of two priorities or tiers, nor with one action, nor of other directions or peers", () => {
  const deny = clusterText(5, rule("Deny"), "a");
  expect(told(deny + clusterText(6, rule("Accept"), "b"))).toEqual([]);
  expect(told(deny + clusterText(5, rule("Accept"), "b", "Baseline"))).toEqual([]);
  expect(told(deny + clusterText(5, rule("Deny"), "b"))).toEqual([]);
  expect(told(deny + clusterText(5, "egress: [{action: Accept, to: [{namespaces: {}}]}]", "b"))).toEqual([]);
  const of = (team: string): string => `{namespaces: {matchLabels: {team: ${team}}}}`;
  const text = clusterText(5, rule("Deny", of("shop")), "a") + clusterText(5, rule("Accept", of("other")), "b");
  expect(told(text)).toEqual([]);
});

test("nor where no pod is a subject of both", () => {
  const of = (name: string, app: string, action: string): string =>
    clusterText(5, rule(action), name).replace(
      "subject: {namespaces: {}}",
      `subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: ${app}}}}}`,
    );
  expect(told(of("a", "web", "Deny") + of("b", "db", "Accept"))).toEqual([]);
  expect(told(of("a", "web", "Deny") + of("b", "web", "Accept"))).toHaveLength(1);
});
