import { expect, test } from "vitest";
import { type StagedJudgement, StagedPolicy, type StagedQuestion } from "#agent/endpoint/staged-policy.ts";
import { PolicyEngine } from "#policy/compile/engine.ts";
import type { ObjectControls } from "#policy/model/controls.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { ciliumPolicy, ciliumRule } from "#test/support/cilium-objects.ts";
import {
  clusterPolicy,
  clusterRule,
  kubernetesPolicy,
  kubernetesRule,
  labelled,
  peerOf,
  pod,
} from "#test/support/policy-objects.ts";

const STAGED: ObjectControls = { object: { staged: true }, rules: {} };
const web = pod("n/web", "10.0.0.7").subject;
const fromDb: StagedQuestion = { direction: "ingress", identity: 257, addressClass: 0, protocol: 6, port: 80 };

/** An agent's policy in force, which a test may replace. */
class InForce {
  engine: PolicyEngine;

  constructor(...objects: readonly PolicyObject[]) {
    this.engine = new PolicyEngine(objects);
    this.engine.addIdentity(256, web);
    this.engine.addIdentity(257, pod("n/db", "10.0.0.8").subject);
  }
}

/** The verdict, the rules that decide, and the objects and rules that cause it. */
function brief(judgement: StagedJudgement | null) {
  if (!judgement) return null;
  const { outcome, causes } = judgement;
  return [
    outcome.verdict,
    outcome.rules.map(({ name, rule }) => `${name} ${rule}`),
    causes.map(({ description }) =>
      "rule" in description ? `${description.name} ${description.rule}` : description.name,
    ),
  ];
}

test("where nothing is staged, nobody is asked", () => {
  const staged = new StagedPolicy(new InForce(kubernetesPolicy({ ingress: [] })));
  expect(staged.isAny).toBe(false);
  expect(staged.judge(web, fromDb)).toBeNull();
});

test("where something is staged for others, nobody is asked either", () => {
  const staged = new StagedPolicy(new InForce(kubernetesPolicy({ ingress: [], controls: STAGED })));
  expect(staged.isAny).toBe(true);
  expect(staged.judge(pod("m/web", "10.0.0.9").subject, fromDb)).toBeNull();
});

const dbPeer = peerOf({ podSelector: labelled({ app: "db" }) });
const denyRule = ciliumRule({ endpoints: [labelled({ app: "db" })] });
const open = { ingress: false, egress: false };

test.for<[what: string, objects: readonly PolicyObject[], expected: unknown]>([
  [
    "a staged deny",
    [ciliumPolicy({ ingressDeny: [denyRule], defaultDeny: open }, { controls: STAGED })],
    ["deny", ["c ingressDeny[0]"], ["c ingressDeny[0]"]],
  ],
  [
    "a single rule that is staged",
    [
      kubernetesPolicy({
        ingress: [kubernetesRule({ ports: [{ protocol: "UDP", port: 53, endPort: null }] }), kubernetesRule()],
        controls: { object: {}, rules: { "ingress[1]": { staged: true } } },
      }),
    ],
    ["allow", ["np ingress[1]"], ["np ingress[1]"]],
  ],
  ["a staged isolation", [kubernetesPolicy({ ingress: [], controls: STAGED })], ["deny", [], ["np"]]],
  [
    "a staged isolation, whose rule lets it pass",
    [kubernetesPolicy({ ingress: [kubernetesRule({ peers: [dbPeer] })], controls: STAGED })],
    ["allow", ["np ingress[0]"], ["np ingress[0]"]],
  ],
  [
    "a staged pass, after which another rule decides",
    [
      clusterPolicy({ priority: 1, ingress: [clusterRule("Pass")], controls: STAGED }),
      clusterPolicy({ priority: 2, name: "second", ingress: [clusterRule("Accept")] }),
      ciliumPolicy({ ingressDeny: [denyRule], defaultDeny: open }),
    ],
    ["deny", ["c ingressDeny[0]"], ["cnp ingress[0]"]],
  ],
  [
    "a staged requirement, which narrows the rule of another object",
    [
      ciliumPolicy({ ingress: [ciliumRule({ endpoints: [labelled({})] })] }),
      ciliumPolicy(
        { ingress: [ciliumRule({ requires: [labelled({ app: "other" })] })], defaultDeny: open },
        { name: "narrow", controls: STAGED },
      ),
    ],
    ["deny", [], ["narrow"]],
  ],
])("%s", ([, objects, expected]) => {
  expect(brief(new StagedPolicy(new InForce(...objects)).judge(web, fromDb))).toEqual(expected);
});

test("where nothing is enforced, everything is staged; and who is only isolated is denied by nobody in particular", () => {
  const judge = (engine: PolicyEngine) => brief(new StagedPolicy({ engine }).judge(web, { ...fromDb, identity: 2 }));
  expect(judge(new PolicyEngine([kubernetesPolicy({ ingress: [] })], { audit: true }))).toEqual(["deny", [], ["np"]]);
  expect(judge(new PolicyEngine([], { audit: true, enforcement: "always" }))).toEqual(["deny", [], []]);
});

test("a new policy, a new identity and another owner of an address class are seen at once", () => {
  const world = { ...fromDb, identity: 2, addressClass: 16_777_217 };
  const peers = [peerOf({ ipBlock: { cidr: "192.0.2.0/24", except: [] } })];
  const inForce = new InForce(
    kubernetesPolicy({ ingress: [kubernetesRule({ peers }), kubernetesRule({ peers: [dbPeer] })], controls: STAGED }),
  );
  const staged = new StagedPolicy(inForce);
  const verdict = (question: StagedQuestion) => staged.judge(web, question)?.outcome.verdict;
  // A class that is gone says nothing: an event may come late.
  expect(verdict(world)).toBeUndefined();
  inForce.engine.addClass(16_777_217, ["192.0.2.0/24"]);
  expect(verdict(world)).toBe("allow");
  inForce.engine.addClass(16_777_217, []);
  expect(verdict(world)).toBe("deny");

  expect(verdict({ ...fromDb, identity: 300 })).toBeUndefined();
  inForce.engine.addIdentity(300, pod("n/db", "10.0.0.9").subject);
  expect(verdict({ ...fromDb, identity: 300 })).toBe("allow");
  inForce.engine = inForce.engine.evolve([kubernetesPolicy({ ingress: [], controls: STAGED })]);
  expect(verdict({ ...fromDb, identity: 300 })).toBe("deny");
  inForce.engine = inForce.engine.evolve([]);
  expect(verdict(fromDb)).toBeUndefined();
});
