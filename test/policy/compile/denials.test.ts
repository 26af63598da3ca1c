import { expect, test } from "vitest";
import { PeerIndex } from "#policy/compile/peer-index.ts";
import { RuleSets } from "#policy/compile/rule-sets.ts";
import { type EntryTemplate, SubjectPolicy } from "#policy/compile/subject-policy.ts";
import type { Subject } from "#policy/model/identity.ts";
import { Namespaces } from "#policy/model/namespaces.ts";
import type { Peer, PodMatch, Policy, Rule } from "#policy/model/rule.ts";
import { lookUp } from "#test/support/compiled-cluster.ts";

const EVERY: PodMatch = { kind: "pods", namespaces: { kind: "labels", selector: [] }, labels: [] };
const WEB: Peer = { ...EVERY, labels: [{ key: "app", operator: "In", values: ["web"] }] };
const BLOCK: Peer = { kind: "block", cidr: "10.0.0.0/8", except: [] };
const subject: Subject = { namespace: "n", labels: {}, serviceAccount: "s", namedPorts: [] };

type Draft = Pick<Rule, "action" | "tier" | "peers" | "ports">;

/** The ingress of a pod that hand-made rules select; peer 256 is a web pod at an address of class 1. */
function judge(drafts: readonly Draft[]): (peers: number[], port: number) => string {
  const rules = drafts.map((draft, i): Rule => {
    const description = { kind: "T", namespace: "n", name: "t", rule: `ingress[${i}]`, file: "f", line: i };
    return { key: `${i}`, description, direction: "ingress", ...draft };
  });
  const policy: Policy = {
    description: { kind: "T", namespace: "n", name: "t", file: "f", line: 1 },
    subjects: EVERY,
    isolates: { ingress: true, egress: true },
    rules,
  };
  const peers = new PeerIndex(new Namespaces([]));
  for (const rule of rules) SubjectPolicy.matchersOf(rule, peers);
  peers.addIdentity(256, { ...subject, labels: { app: "web" } });
  peers.addClass(1, ["10.0.0.0/8"], []);
  const selecting = [{ number: 0, policy }];
  const compiled = new SubjectPolicy("", selecting, subject, { peers, sets: new RuleSets(rules), always: false });
  const entries = [0, 1, 256].flatMap((peer) => {
    const kind = peers.kindOf(peer);
    const templates: readonly EntryTemplate[] = kind ? compiled.peerOf(kind) : compiled.anyPeer();
    return templates.map((template) => ({ peer, ...template }));
  });
  return (ids, port) => {
    const judgement = lookUp(entries, "ingress", ids, 6, port);
    return [judgement.verdict, ...judgement.rules.map((rule) => rule.replace("n/t ingress", ""))].join(" ");
  };
}

const http = [{ protocol: "TCP", kind: "range", first: 80, last: 80 }] as const;
const allow = (peers: Peer[] | null, ports: Draft["ports"] = null, tier = 1): Draft => ({
  action: "allow",
  tier,
  peers,
  ports,
});
const deny = (peers: Peer[] | null, ports: Draft["ports"] = null, tier = 1): Draft => ({
  action: "deny",
  tier,
  peers,
  ports,
});
const web = [256, 1, 0];
const other = [2, 0, 0];

test("a deny goes before an allow, however narrow the allow is", () => {
  const verdict = judge([allow([WEB], http), deny([WEB])]);
  expect(verdict(web, 80)).toBe("deny [1]");
});

test("a narrow deny leaves the rest of a wide allow", () => {
  const verdict = judge([allow([WEB]), deny([WEB], http)]);
  expect([verdict(web, 80), verdict(web, 81)]).toEqual(["deny [1]", "allow [0]"]);
});

test("a deny of anybody goes before an allow of somebody", () => {
  const verdict = judge([allow([WEB]), deny(null, http), allow(null)]);
  expect([verdict(web, 80), verdict(web, 81), verdict(other, 80)]).toEqual(["deny [1]", "allow [0] [2]", "deny [1]"]);
});

test("a deny of an address block goes before an allow of the pod that has the address", () => {
  const verdict = judge([allow([WEB]), deny([BLOCK], http)]);
  expect([verdict(web, 80), verdict([256, 0, 0], 80)]).toEqual(["deny [1]", "allow [0]"]);
});

test("all denies of one traffic are named", () => {
  const verdict = judge([deny([WEB], http), deny([BLOCK]), deny(null), allow(null)]);
  expect([verdict(web, 80), verdict(web, 81), verdict(other, 81)]).toEqual([
    "deny [0] [1] [2]",
    "deny [1] [2]",
    "deny [2]",
  ]);
});

test("an allow of a higher tier goes before a deny", () => {
  const verdict = judge([allow([WEB], http, 2), deny(null)]);
  expect([verdict(web, 80), verdict(web, 81)]).toEqual(["allow [0]", "deny [1]"]);
});
