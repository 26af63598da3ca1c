import { expect, test } from "vitest";
import { ciliumText, messages, networkPolicy } from "#test/support/lint-text.ts";

const http = "rules: {http: [{method: GET}]}";
const kafka = "rules: {kafka: [{role: consume}]}";
const rule = (peer: string, port: string, rules = ""): string =>
  `{toEndpoints: [{matchLabels: {app: ${peer}}}], toPorts: [{ports: [{port: '${port}', protocol: TCP}], ${rules}}]}`;
const egress = (...rules: string[]): string => ciliumText(`{endpointSelector: {}, egress: [${rules.join(", ")}]}`);

test("two families on one port of one peer", () => {
  const told = (text: string): string[] => messages("mixed-l7-families", text);
  expect(told(egress(rule("db", "80", http), rule("db", "80", kafka)))).toEqual([
    "egress[1]: has kafka rules, and CiliumNetworkPolicy shop/c egress[0] has http rules for the same peers on TCP 80",
  ]);
  expect(told(egress(rule("db", "80", http), rule("db", "81", kafka)))).toEqual([]);
  expect(told(egress(rule("db", "80", http), rule("web", "80", kafka)))).toEqual([]);
  expect(told(egress(rule("db", "80", http), rule("db", "80", http)))).toEqual([]);
});

test("families meet where a known pod has the labels of both", () => {
  const other = `{toEndpoints: [{matchLabels: {tier: back}}], toPorts: [{ports: [{port: '80', protocol: TCP}], ${kafka}}]}`;
  expect(messages("mixed-l7-families", egress(rule("db", "80", http), other))).toHaveLength(1);
  expect(messages("mixed-l7-families", egress(rule("db", "80", http), other), { cluster: "" })).toEqual([]);
});

test("a plain allow beside an L7 rule lets all requests through", () => {
  const told = (text: string): string[] => messages("l7-has-no-effect", text);
  expect(told(egress(rule("db", "80", http), rule("db", "80")))).toEqual([
    "egress[0]: refuses no requests of pods app=db of namespace shop on TCP 80: " +
      "CiliumNetworkPolicy shop/c egress[1] allows them all",
  ]);
  const wide = networkPolicy("{podSelector: {}, egress: [{to: [{podSelector: {}}]}]}");
  expect(told(egress(rule("db", "80", http)) + wide)).toHaveLength(1);
  expect(told(egress(rule("db", "80", http), rule("db", "81")))).toEqual([]);
  expect(told(egress(rule("db", "80", http), rule("web", "80")))).toEqual([]);
});

test("also an item of the same rule", () => {
  const item = (rules: string): string => `{ports: [{port: '80', protocol: TCP}], ${rules}}`;
  const text = egress(`{toEndpoints: [{}], toPorts: [${item(http)}, ${item("")}]}`);
  expect(messages("l7-has-no-effect", text)).toEqual([
    "egress[0]: refuses no requests of pods of namespace shop on TCP 80: another item of its toPorts allows them all",
  ]);
});

test("an L7 rule without conditions loses nothing", () => {
  const all = "rules: {http: [{}]}";
  expect(messages("l7-has-no-effect", egress(rule("db", "80", all), rule("db", "80")))).toEqual([]);
});
