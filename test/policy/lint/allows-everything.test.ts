import { expect, test } from "vitest";
import { ciliumText, clusterText, messages, networkPolicy } from "#test/support/lint-text.ts";

const told = (text: string): string[] => messages("allows-everything", text);
const ingress = (rule: string): string => ciliumText(`{endpointSelector: {}, ingress: [${rule}]}`);

test("any peer and any port", () => {
  expect(told(networkPolicy("{podSelector: {}, ingress: [{}]}"))).toEqual([
    "ingress[0]: allows every protocol and port from everybody",
  ]);
  expect(told(networkPolicy("{podSelector: {}, egress: [{}]}"))).toEqual([
    "egress[0]: allows every protocol and port to everybody",
  ]);
  expect(told(ingress("{fromEntities: [cluster, world]}"))).toHaveLength(1);
  expect(told(networkPolicy("{podSelector: {}, ingress: [{ports: [{port: 80}]}]}"))).toEqual([]);
  expect(told(networkPolicy("{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}"))).toEqual([]);
});

test("the world, to every port of a pod", () => {
  const message = "ingress[0]: allows every protocol and port from the whole world";
  expect(told(ingress("{fromEntities: [world]}"))).toEqual([message]);
  expect(told(ingress("{fromCIDR: [0.0.0.0/0]}"))).toEqual([message]);
  expect(told(ingress("{fromEntities: [world], toPorts: [{ports: [{port: '80'}]}]}"))).toEqual([]);
  expect(told(ciliumText("{endpointSelector: {}, egress: [{toEntities: [world]}]}"))).toEqual([]);
});

test("every address, in a NetworkPolicy: that is pods, too", () => {
  const block = (except: string): string =>
    networkPolicy(`{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0${except}}}], ports: [{port: 443}]}]}`);
  expect(told(block(""))).toEqual([
    "egress[0]: 0.0.0.0/0 has no exceptions: in a NetworkPolicy it means pods and nodes, too, not only the world",
  ]);
  expect(told(block(", except: [10.0.0.0/8]"))).toEqual([]);
  const rule = "{toCIDR: [0.0.0.0/0], toPorts: [{ports: [{port: '443'}]}]}";
  expect(told(ciliumText(`{endpointSelector: {}, egress: [${rule}]}`))).toEqual([]);
});

test("a deny or a pass of everything opens nothing", () => {
  const rule = (action: string): string => `ingress: [{action: ${action}, from: [{networks: [0.0.0.0/0]}]}]`;
  expect(told(clusterText(1, rule("Deny").replaceAll("ingress", "egress").replace("from", "to")))).toEqual([]);
  expect(told(ciliumText("{endpointSelector: {}, ingressDeny: [{fromEntities: [all]}]}"))).toEqual([]);
});
