import { expect, test } from "vitest";
import { ciliumRule } from "#test/support/cilium-text.ts";

const all = { matchLabels: {}, matchExpressions: [] };

test("a rule has its line, and nothing but what it says", () => {
  const nothing = { endpoints: null, cidrs: null, entities: null, nodes: null, services: null, names: null };
  expect(ciliumRule("ingress", "{}")).toEqual({ line: 7, ...nothing, requires: [], ports: null, icmps: null });
});

test.each(["ingress", "ingressDeny", "egress", "egressDeny"] as const)("peers of %s", (section) => {
  const field = section.startsWith("ingress") ? "from" : "to";
  const peers = (text: string): object => ciliumRule(section, `{${field}${text}}`);
  expect(peers("Endpoints: [{}, {matchLabels: {app: a}}]")).toMatchObject({
    endpoints: [all, { matchLabels: { app: "a" } }],
  });
  expect(peers("CIDR: [10.0.0.7/8]")).toMatchObject({ cidrs: [{ kind: "cidr", cidr: "10.0.0.0/8", except: [] }] });
  expect(peers("CIDRSet: [{cidrGroupRef: g}]")).toMatchObject({ cidrs: [{ kind: "group", name: "g", except: [] }] });
  expect(peers("Entities: [world, kube-apiserver]")).toMatchObject({ entities: ["world", "kube-apiserver"] });
  expect(peers("Nodes: [{matchLabels: {'node:role': a}}]")).toMatchObject({ nodes: [{ matchLabels: { role: "a" } }] });
});

test("addresses are ranges of one", () => {
  expect(ciliumRule("egress", "{toCIDR: [10.0.0.1, 'FD00:0::1', '::/0']}").cidrs).toEqual(
    ["10.0.0.1/32", "fd00::1/128", "::/0"].map((cidr) => ({ kind: "cidr", cidr, except: [] })),
  );
});

test("ranges and groups of ranges, with exceptions", () => {
  const items = [
    "{cidr: 10.1.2.3/8, except: [10.2.0.0/16, 10.1.0.0/16, 10.2.9.9/16]}",
    "{cidr: 10.0.0.0/8, except: [10.0.0.0/8]}",
    "{cidrGroupRef: a.b, except: [10.0.0.0/8]}",
    "{cidrGroupSelector: {matchExpressions: [{key: a, operator: Exists}]}}",
  ];
  expect(ciliumRule("ingress", `{fromCIDRSet: [${items.join(", ")}]}`).cidrs).toEqual([
    { kind: "cidr", cidr: "10.0.0.0/8", except: ["10.1.0.0/16", "10.2.0.0/16"] },
    { kind: "cidr", cidr: "10.0.0.0/8", except: ["10.0.0.0/8"] },
    { kind: "group", name: "a.b", except: ["10.0.0.0/8"] },
    {
      kind: "groups",
      selector: { matchLabels: {}, matchExpressions: [{ key: "a", operator: "Exists", values: [] }] },
      except: [],
    },
  ]);
});

test("services by name or by labels; without a namespace of any", () => {
  const items = [
    "{k8sService: {serviceName: a, namespace: n}}",
    "{k8sService: {serviceName: a}}",
    "{k8sServiceSelector: {selector: {matchLabels: {'k8s:a': b}}, namespace: ''}}",
  ];
  const services = [
    { kind: "name", namespace: "n", name: "a" },
    { kind: "name", namespace: "", name: "a" },
    { kind: "labels", namespace: "", selector: { matchLabels: { a: "b" }, matchExpressions: [] } },
  ];
  for (const section of ["egress", "egressDeny"] as const) {
    expect(ciliumRule(section, `{toServices: [${items.join(", ")}]}`).services).toEqual(services);
  }
});

test("names in lower case, without the dot at the end; stars as few as mean the same", () => {
  const names = ["Www.Example.COM.", "_http._tcp.a"].map((name) => `{matchName: '${name}'}`);
  const patterns = ["*", "**.", "**.A.b.", "***.a", "**a.b", "a.**", "*.a.*b"].map((one) => `{matchPattern: '${one}'}`);
  expect(ciliumRule("egress", `{toFQDNs: [${[...names, ...patterns].join(", ")}]}`).names).toEqual([
    { kind: "name", name: "www.example.com" },
    { kind: "name", name: "_http._tcp.a" },
    ...["*", "*", "**.a.b", "**.a", "*a.b", "a.*", "*.a.*b"].map((pattern) => ({ kind: "pattern", pattern })),
  ]);
});

test("requirements stand beside peers", () => {
  const rule = ciliumRule("ingress", "{fromEntities: [all], fromRequires: [{matchLabels: {a: b}}]}");
  expect(rule).toMatchObject({ entities: ["all"], requires: [{ matchLabels: { a: "b" } }] });
  expect(ciliumRule("egress", "{toRequires: [{}]}")).toMatchObject({ endpoints: null, requires: [all] });
});

test("an empty list of peers is nobody, also beside others", () => {
  expect(ciliumRule("ingress", "{fromEndpoints: []}")).toMatchObject({ endpoints: [], cidrs: null });
  expect(ciliumRule("egress", "{toFQDNs: []}")).toMatchObject({ names: [] });
  expect(ciliumRule("ingress", "{fromEndpoints: [], fromCIDR: [10.0.0.1]}")).toMatchObject({
    endpoints: [],
    cidrs: null,
  });
});

test("peers need not prove who they are", () => {
  expect(ciliumRule("ingress", "{fromEndpoints: [{}], authentication: {mode: disabled}}").endpoints).toEqual([all]);
});
