import { expect, test } from "vitest";
import { AddressMatches } from "#policy/compile/address-match.ts";
import { PeerIndex } from "#policy/compile/peer-index.ts";
import { PolicyMap } from "#policy/compile/policy-map.ts";
import { PolicyView } from "#policy/compile/policy-view.ts";
import { RuleSets } from "#policy/compile/rule-sets.ts";
import type { Subject } from "#policy/model/identity.ts";
import { Namespaces } from "#policy/model/namespaces.ts";
import {
  type Action,
  OrderedTier,
  type Peer,
  type PodMatch,
  type Rule,
  orderedPrecedence,
} from "#policy/model/rule.ts";
import { makeRule } from "#test/support/make-rule.ts";

const EVERY: PodMatch = { kind: "pods", namespaces: { kind: "labels", selector: [] }, labels: [] };
const WEB: Peer = { ...EVERY, labels: [{ key: "app", operator: "In", values: ["web"] }] };
const BLOCK: Peer = { kind: "block", cidr: "10.0.0.0/8", except: [], scope: "any" };
const subject: Subject = { namespace: "n", labels: {}, serviceAccount: "s", namedPorts: [] };

type Draft = Partial<Rule>;

/** The ingress of a pod that hand-made rules govern; peer 256 is a web pod at an address of class 1. */
function judge(
  drafts: readonly Draft[],
  isolated = true,
): (peer: { identity: number; addressClass: number }, port: number) => string {
  const peers = new PeerIndex(new Namespaces([]));
  peers.addIdentity(256, { ...subject, labels: { app: "web" } });
  peers.addClass(1, ["10.0.0.0/8"], []);
  const view = new PolicyView(
    {
      rules: drafts.map((draft, i) => makeRule(i, draft)),
      selects: { ingress: isolated, egress: true },
      requires: { ingress: [], egress: [] },
      namedPorts: [],
    },
    { peers, addresses: new AddressMatches(), sets: new RuleSets() },
  );
  const entries = [0, 1, 256].flatMap((peer) => {
    const kind = peers.kindOf(peer);
    return (kind ? view.peerOf(kind) : view.anyPeer()).map((template) => ({ peer, ...template }));
  });
  const map = new PolicyMap(entries);
  return (peer, port) => {
    const { verdict, rules } = map.judge("ingress", peer, 6, port);
    return [verdict, ...rules.map(({ description }) => description.rule.replace("ingress", ""))].join(" ");
  };
}

const http = [{ protocol: "TCP", kind: "range", first: 80, last: 80 }] as const;
const say = (action: Action, peers: Peer[] | null, ports: Draft["ports"] = null): Draft => ({ action, peers, ports });
const allow = (peers: Peer[] | null, ports?: Draft["ports"]): Draft => say("allow", peers, ports);
const deny = (peers: Peer[] | null, ports?: Draft["ports"]): Draft => say("deny", peers, ports);
const admin = (
  place: number,
  action: "allow" | "deny" | "pass",
  peers: Peer[] | null,
  ports?: Draft["ports"],
): Draft => ({
  ...say(action, peers, ports),
  precedence: orderedPrecedence(OrderedTier.admin, 10, place, action),
});
const baseline = (action: "allow" | "deny" | "pass", peers: Peer[] | null): Draft => ({
  ...say(action, peers),
  precedence: orderedPrecedence(OrderedTier.baseline, 10, 0, action),
});
const web = { identity: 256, addressClass: 1 };
const other = { identity: 2, addressClass: 0 };

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
  expect([verdict(web, 80), verdict({ ...web, addressClass: 0 }, 80)]).toEqual(["deny [1]", "allow [0]"]);
});

test("all denies of one traffic are named", () => {
  const verdict = judge([deny([WEB], http), deny([BLOCK]), deny(null), allow(null)]);
  expect([verdict(web, 80), verdict(web, 81), verdict(other, 81)]).toEqual([
    "deny [0] [1] [2]",
    "deny [1] [2]",
    "deny [2]",
  ]);
});

test("a redirect goes before an allow, and a deny before it", () => {
  const verdict = judge([say("redirect", [WEB], http), allow(null), deny([BLOCK], http)]);
  expect([verdict({ ...web, addressClass: 0 }, 80), verdict(web, 81), verdict(web, 80)]).toEqual([
    "redirect [0]",
    "allow [1]",
    "deny [2]",
  ]);
});

test("an allow of the Admin tier goes before a deny", () => {
  const verdict = judge([admin(0, "allow", [WEB], http), deny(null)]);
  expect([verdict(web, 80), verdict(web, 81)]).toEqual(["allow [0]", "deny [1]"]);
});

test("a pass of the Admin tier leaves out what follows in that tier, whichever look-up says it", () => {
  const verdict = judge([admin(0, "pass", [BLOCK], http), admin(1, "deny", null), allow([WEB])]);
  expect([verdict(web, 80), verdict(web, 81), verdict(other, 80)]).toEqual(["allow [2]", "deny [1]", "deny [1]"]);
});

test("what passes and is nowhere allowed is denied where a policy isolates, and else free", () => {
  const rules = [admin(0, "pass", [WEB]), admin(1, "deny", null)];
  expect([judge(rules)(web, 80), judge(rules, false)(web, 80)]).toEqual(["deny", "allow"]);
});

test("a deny that is earlier in the Admin tier than a pass counts", () => {
  const verdict = judge([admin(1, "pass", [WEB]), admin(0, "deny", [BLOCK], http), allow(null)]);
  expect([verdict(web, 80), verdict(web, 81)]).toEqual(["deny [1]", "allow [2]"]);
});

test("the Baseline tier is for those that no policy isolates", () => {
  const rules = [allow([WEB], http), baseline("deny", null)];
  expect([judge(rules)(web, 81), judge(rules, false)(web, 81), judge(rules, false)(web, 80)]).toEqual([
    "deny",
    "deny [1]",
    "allow [0]",
  ]);
});

test("a pass of the Baseline tier is an allow", () => {
  expect(judge([baseline("pass", [WEB])], false)(web, 80)).toBe("allow [0]");
});
