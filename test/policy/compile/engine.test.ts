import { expect, test } from "vitest";
import { PolicyEngine } from "#policy/compile/engine.ts";
import { ANY_PEER, type PolicyEntry } from "#policy/compile/entry.ts";
import type { NamedPort, Subject } from "#policy/model/identity.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { parseObjects } from "#policy/parse/objects.ts";

const subject = (namespace: string, labels = {}, namedPorts: NamedPort[] = []): Subject => ({
  namespace,
  labels,
  serviceAccount: "default",
  namedPorts,
});

function policies(...specs: string[]): PolicyObject[] {
  const documents = specs.map(
    (spec, i) =>
      `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p${i}, namespace: n}, spec: {podSelector: {}, ${spec}}}`,
  );
  const parsed = parseObjects(documents.join("\n---\n"), "f.yaml");
  if (!parsed.ok) throw new Error(parsed.errors[0]?.message);
  return parsed.objects;
}

const brief = ({ peer, direction, protocol, port, portBits, verdict, rules }: PolicyEntry): string =>
  `${peer} ${direction} ${protocol}/${port}/${portBits} ${verdict} ${rules.map(({ description }) => description.name + description.rule).join()}`;

test("a pod that no policy selects lets everything through, without a rule", () => {
  const { entries, selects } = new PolicyEngine(policies("ingress: []")).compile(subject("other"));
  expect(selects).toEqual({ ingress: false, egress: false });
  expect(entries.map(brief)).toEqual(["0 ingress 0/0/0 allow ", "0 egress 0/0/0 allow "]);
});

test("isolation is by direction", () => {
  const { entries, selects } = new PolicyEngine(policies("policyTypes: [Egress]")).compile(subject("n"));
  expect(selects).toEqual({ ingress: false, egress: true });
  expect(entries.map(brief)).toEqual(["0 ingress 0/0/0 allow "]);
});

test("enforcement `always` isolates every pod, `never` none", () => {
  const objects = policies("ingress: []");
  expect(new PolicyEngine(objects, { enforcement: "always" }).compile(subject("other")).entries).toEqual([]);
  expect(new PolicyEngine(objects, { enforcement: "never" }).compile(subject("n")).entries).toHaveLength(2);
});

test("a range of ports becomes prefixes", () => {
  const engine = new PolicyEngine(policies("ingress: [{ports: [{port: 80, endPort: 82}]}]"));
  expect(engine.entriesFor(subject("n"), ANY_PEER).map(brief)).toEqual([
    "0 ingress 6/80/15 allow p0ingress[0]",
    "0 ingress 6/82/16 allow p0ingress[0]",
    "0 egress 0/0/0 allow ",
  ]);
});

test("a named port is the subject's own on ingress, the peer's on egress", () => {
  const http = (port: number): NamedPort[] => [{ name: "http", protocol: "TCP", port }];
  const engine = new PolicyEngine(policies("ingress: [{ports: [{port: http}]}], egress: [{ports: [{port: http}]}]"));
  engine.addIdentity(300, subject("m", {}, http(8080)));
  engine.addIdentity(301, subject("m", {}, http(8081)));
  engine.addIdentity(302, subject("m"));
  const { entries } = engine.compile(subject("n", {}, http(80)));
  expect(entries.map(brief).sort()).toEqual([
    "0 ingress 6/80/16 allow p0ingress[0]",
    "300 egress 6/8080/16 allow p0egress[0]",
    "301 egress 6/8081/16 allow p0egress[0]",
  ]);
});

test("what a rule for anybody says is not said again for each peer", () => {
  const engine = new PolicyEngine(policies("ingress: [{ports: [{port: 80}]}]"));
  engine.addIdentity(300, subject("n"));
  expect(engine.entriesFor(subject("n"), 300)).toEqual([]);
});

test("equal sets of rules are one array, and rules stand in the order of the file", () => {
  const same = "ingress: [{from: [{podSelector: {}}]}]";
  const engine = new PolicyEngine(policies(same, same));
  engine.addIdentity(300, subject("n", { a: "b" }));
  engine.addIdentity(301, subject("n", { c: "d" }));
  const [first, second] = engine.compile(subject("n")).entries.filter(({ peer }) => peer !== ANY_PEER);
  expect(first?.rules.map(({ description }) => description.line)).toEqual([1, 3]);
  expect(first?.rules).toBe(second?.rules);
});

test("all CIDRs of rules are known in their canonical form, exceptions too", () => {
  const block = (text: string): string => `egress: [{to: [{ipBlock: ${text}}]}]`;
  const engine = new PolicyEngine(
    policies(
      block("{cidr: 10.1.2.3/8, except: [10.1.0.0/16]}"),
      block("{cidr: 10.0.0.0/8}"),
      block("{cidr: 'FD00::/8'}"),
    ),
  );
  expect(engine.tokens).toEqual(["10.0.0.0/8", "10.1.0.0/16", "fd00::/8"]);
});

test("an exception is one only for its own block", () => {
  const blocks = "{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}, {ipBlock: {cidr: 10.1.1.0/24}}";
  const engine = new PolicyEngine(policies(`egress: [{to: [${blocks}]}]`));
  engine.addClass(1001, ["10.0.0.0/8"]);
  engine.addClass(1002, ["10.0.0.0/8", "10.1.0.0/16"]);
  engine.addClass(1003, ["10.0.0.0/8", "10.1.0.0/16", "10.1.1.0/24"]);
  const peers = engine.compile(subject("n")).entries.map(({ peer }) => peer);
  expect(peers.filter((peer) => peer > 1000)).toEqual([1001, 1003]);
});

test("subjects with one key have one policy; a named port of an ingress rule tells subjects apart", () => {
  const engine = new PolicyEngine(policies("ingress: [{ports: [{port: http}]}]"));
  const http: NamedPort[] = [{ name: "http", protocol: "TCP", port: 80 }];
  expect(engine.policyKey(subject("n", { a: "b" }))).toBe(engine.policyKey(subject("n")));
  expect(engine.policyKey(subject("n", {}, http))).not.toBe(engine.policyKey(subject("n")));
  expect(engine.policyKey(subject("m", {}, http))).toBe(engine.policyKey(subject("m")));
});

test("a rule's key tells its content and its place", () => {
  const keyOf = (spec: string): string =>
    new PolicyEngine(policies(spec)).entriesFor(subject("n"), ANY_PEER)[0]?.rules[0]?.key ?? "";
  const key = keyOf("ingress: [{ports: [{port: 80}]}]");
  expect(key).toMatch(/^NetworkPolicy\/n\/p0@[0-9a-f]{16}#ingress\[0\]$/);
  expect(keyOf("ingress: [{ports: [{port: 80}]}]")).toBe(key);
  expect(keyOf("ingress: [{ports: [{port: 81}]}]")).not.toBe(key);
  expect(keyOf("ingress: [\n{ports: [{port: 80}]}]")).not.toBe(key);
});
