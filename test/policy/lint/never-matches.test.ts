import { expect, test } from "vitest";
import { ciliumText, messages, networkPolicy } from "#test/support/lint-text.ts";

const told = (text: string): string[] => messages("never-matches", text);
const ingress = (rules: string): string => ciliumText(`{endpointSelector: {}, ingress: [${rules}]}`);
const from = (selector: string): string =>
  networkPolicy(`{podSelector: {}, ingress: [{from: [{podSelector: ${selector}}]}]}`);
const expressions = (...list: string[]): string => `{matchExpressions: [${list.join(", ")}]}`;

test.each([
  ["{key: app, operator: Exists}", "{key: app, operator: DoesNotExist}", "!app and app"],
  ["{key: app, operator: In, values: [a]}", "{key: app, operator: In, values: [b, c]}", "app in (b,c) and app=a"],
  ["{key: app, operator: In, values: [a]}", "{key: app, operator: NotIn, values: [a, b]}", "app notin (a,b) and app=a"],
  ["{key: app, operator: In, values: [a]}", "{key: app, operator: DoesNotExist}", "!app and app=a"],
])("conditions that contradict each other: %s, %s", (one, other, words) => {
  expect(told(from(expressions(one, other)))).toEqual([
    `ingress[0]: the peer pods ${words.replaceAll(" and ", ",")} of namespace shop is nobody: ${words} cannot hold`,
  ]);
  expect(told(networkPolicy(`{podSelector: ${expressions(one, other)}}`))).toEqual([
    `: governs nobody: ${words} cannot hold`,
  ]);
});

test.each([
  ["{key: app, operator: In, values: [web, b]}", "{key: app, operator: NotIn, values: [b]}"],
  ["{key: app, operator: NotIn, values: [b]}", "{key: app, operator: DoesNotExist}"],
  ["{key: app, operator: Exists}", "{key: tier, operator: DoesNotExist}"],
])("conditions that can be met are none: %s, %s", (one, other) => {
  expect(told(from(expressions(one, other)))).toEqual([]);
});

test("a section whose direction is not among the policy types", () => {
  expect(told(networkPolicy("{podSelector: {}, policyTypes: [Egress], ingress: [{}], egress: [{}]}"))).toEqual([
    "ingress[0]: Ingress is not among policyTypes, so the rule does not count",
  ]);
  expect(told(networkPolicy("{podSelector: {}, ingress: [{}]}"))).toEqual([]);
});

test("exceptions that leave nothing", () => {
  const block = (except: string): string =>
    networkPolicy(`{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [${except}]}}]}]}`);
  expect(told(block("10.0.0.0/9, 10.128.0.0/9"))).toEqual([
    "ingress[0]: the peer 10.0.0.0/8 except 10.0.0.0/9, 10.128.0.0/9 is nobody: the exceptions leave nothing of 10.0.0.0/8",
  ]);
  expect(told(block("10.0.0.0/9, 10.128.0.0/10"))).toEqual([]);
});

test("nobody by an empty list, by the entity none, or by no peers and no ports", () => {
  const alone = "; where only isolation is meant, {} says so";
  expect(told(ingress("{fromEndpoints: []}"))).toEqual([
    `ingress[0]: its list of peers is empty, which is nobody${alone}`,
  ]);
  expect(told(ingress("{fromEntities: [none]}, {}, {fromEndpoints: [{}]}"))).toEqual([
    "ingress[0]: the peer the entity none is nobody, whoever there is",
    "ingress[1]: it has neither peers nor ports, which matches nothing",
  ]);
});

test("an empty rule alone is the way to say that nothing is allowed", () => {
  expect(told(ingress("{}"))).toEqual([]);
});

test("an item of toPorts without ports", () => {
  expect(told(ingress("{toPorts: [{ports: [{port: '80'}]}, {serverNames: [a.example]}]}"))).toEqual([
    "ingress[0]: toPorts[1] has no ports",
  ]);
});

test("server names where no TLS can be read", () => {
  const ports = "ports: [{port: '443', protocol: UDP}, {port: '443', protocol: TCP}, {port: '8443'}]";
  expect(told(ingress(`{toPorts: [{${ports}, serverNames: [a.example]}]}`))).toEqual([
    "ingress[0]: toPorts[0] asks for serverNames on UDP 443: they are read of TLS on TCP only, so nothing there passes by it",
  ]);
});

test("an endpointSelector that names another namespace", () => {
  const of = (namespace: string): string =>
    ciliumText(`{endpointSelector: {matchLabels: {io.kubernetes.pod.namespace: ${namespace}}}, ingress: [{}]}`);
  expect(told(of("kube-system"))).toEqual([
    ": governs nobody: its endpointSelector is about other namespaces than its own, shop",
  ]);
  expect(told(of("shop"))).toEqual([]);
});

test("requirements that no peer can meet", () => {
  const rule = (required: string): string =>
    ingress(`{fromEndpoints: [{matchLabels: {app: web}}], fromRequires: [{matchLabels: {${required}}}]}`);
  expect(told(rule("app: db"))).toEqual([
    "ingress[0]: the peer pods app=web of namespace shop is nobody: no pod of those can meet fromRequires of this policy",
  ]);
  expect(told(rule("tier: front"))).toEqual([]);
});

test("a port's name that no pod has which is connected to", () => {
  const to = (labels: string, port: string): string =>
    networkPolicy(`{podSelector: {}, egress: [{to: [{podSelector: {matchLabels: ${labels}}}], ports: [${port}]}]}`);
  expect(told(to("{app: db}", "{port: sql}"))).toEqual([]);
  expect(told(to("{app: web}", "{port: sql}"))).toEqual([
    "egress[0]: no known pod that is its peer has a TCP port sql",
  ]);
  expect(told(to("{app: db}", "{port: sql, protocol: UDP}"))).toEqual([
    "egress[0]: no known pod that is its peer has a UDP port sql; one has it of TCP",
  ]);
  const governed = (labels: string): string =>
    networkPolicy(`{podSelector: {matchLabels: ${labels}}, ingress: [{ports: [{port: sql}]}]}`);
  expect(told(governed("{app: db}"))).toEqual([]);
  expect(told(governed("{app: web}"))).toEqual(["ingress[0]: no known pod that it governs has a TCP port sql"]);
});

test("a port's name for those who cannot be pods", () => {
  const rule = "{toCIDR: [192.0.2.0/24], toPorts: [{ports: [{port: sql}]}]}";
  expect(told(ciliumText(`{endpointSelector: {}, egress: [${rule}]}`))).toEqual([
    "egress[0]: a port sql is one of pods, and its peers are none",
  ]);
});
