import { beforeEach, expect, test } from "vitest";
import type { Flow, FlowPolicy } from "#agent/api/flow.ts";
import { type DirectionEvaluation, type Evaluation, Evaluator } from "#policy/explain/evaluate.ts";
import { resolveParties } from "#policy/explain/parties.ts";
import type { Flow as PolicyFlow, Party } from "#policy/model/flow.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import type { Direction, RuleDescription } from "#policy/model/rule.ts";
import { combinations } from "#test/support/allow-deny-combinations.ts";
import { objectsOf } from "#test/support/cilium-text.ts";
import { denyTruthCases, denyTruthProbes } from "#test/support/deny-truth-cases.ts";
import { API_PORTS, networkPolicyApiCases } from "#test/support/network-policy-api-cases.ts";
import { caseObjects, networkPolicyCases } from "#test/support/network-policy-cases.ts";
import { type MatrixCase, matrixAnswer, matrixCases, matrixText } from "#test/support/network-policy-matrix-cases.ts";
import { matrixObjects, matrixParties, matrixProbes } from "#test/support/network-policy-matrix-world.ts";
import { pod, tcp } from "#test/support/policy-objects.ts";
import { needs } from "#test/support/requirement.ts";
import { sized } from "#test/support/size.ts";
import { TellingNode } from "#test/support/telling-node.ts";

beforeEach(needs("root"));

const DIRECTIONS: readonly Direction[] = ["egress", "ingress"];

/** What a flow says of the judgement, and what it has to say by `weir policy eval`. */
interface Reason {
  readonly verdict: string;
  readonly reason: string | undefined;
  readonly denied: Direction | undefined;
  readonly rules: readonly string[];
  readonly nearest: unknown;
  readonly isolatedBy: unknown;
  /** By field of the flow: the policies. */
  readonly policies: Readonly<Record<string, readonly string[]>>;
}

function told(flow: Flow): Reason {
  const name = ({ kind, namespace = "", name: own }: FlowPolicy): string => `${kind} ${namespace}/${own}`;
  const fields = ["egress_allowed_by", "egress_denied_by", "ingress_allowed_by", "ingress_denied_by"] as const;
  const named = fields.flatMap((field) => (flow[field] ? [[field, flow[field].map(name).toSorted()] as const] : []));
  return {
    verdict: flow.verdict,
    reason: flow.drop_reason_desc,
    denied: flow.weir.denied,
    rules: flow.weir.rules.map(textOf).toSorted(),
    nearest: flow.weir.nearest,
    isolatedBy: flow.weir.isolatedBy,
    policies: Object.fromEntries(named),
  };
}

/** With file and line. */
function textOf({ kind, namespace, name, rule, file, line }: RuleDescription): string {
  return `${kind} ${namespace}/${name} ${rule} ${file}:${line}`;
}

function expectedOf(evaluation: Evaluation): Reason {
  // Where both ends stop the packet it is told by the first that the datapath asks.
  const denied = DIRECTIONS.find((direction) => actual(evaluation[direction]).verdict !== "allow");
  const deciding = denied ? [evaluation[denied]] : DIRECTIONS.map((direction) => evaluation[direction]);
  const policies = DIRECTIONS.flatMap((direction) => {
    const { verdict, by } = actual(evaluation[direction]);
    const names = [...new Set(by.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`))].toSorted();
    return names.length === 0 ? [] : [[`${direction}_${verdict === "deny" ? "denied" : "allowed"}_by`, names] as const];
  });
  return {
    verdict: denied ? "DROPPED" : "FORWARDED",
    reason: denied && reasonOf(evaluation[denied]),
    denied,
    rules: deciding.flatMap((end) => actual(end).by.map(textOf)).toSorted(),
    nearest: denied && nearestOf(evaluation[denied]),
    isolatedBy: denied && isolatedByOf(evaluation[denied]),
    policies: Object.fromEntries(policies),
  };
}

/** An egress rule that gives an address block a port by name allows, but not in the datapath. */
function actual(end: DirectionEvaluation): Pick<DirectionEvaluation, "verdict" | "by"> {
  return end.note === undefined ? end : { verdict: "deny", by: [] };
}

function reasonOf({ verdict, by, note }: DirectionEvaluation): string {
  if (verdict === "redirect") return "SOCKET_LOOKUP_FAILED";
  return by.length > 0 && note === undefined ? "POLICY_DENY" : "POLICY_DENIED";
}

function nearestOf({ verdict, by, nearest, note }: DirectionEvaluation): unknown {
  if (note !== undefined) return { ...by[0], because: note };
  return verdict === "deny" && by.length === 0 ? nearest : undefined;
}

/** In the datapath it is isolation that denies what egress rules only allow by a port's name. */
function isolatedByOf({ isolatedBy, by, note }: DirectionEvaluation): unknown {
  if (note === undefined) return isolatedBy;
  const policies = by.map(({ kind, namespace, name, file }) => ({ kind, namespace, name, file }));
  return expect.arrayContaining(policies.map((policy) => expect.objectContaining(policy) as unknown));
}

/** Packets of which somebody else has said as well what becomes of them. */
interface Packet {
  readonly flow: PolicyFlow;
  /** Null where the packet passes; else why not. */
  readonly expected: "policy" | "proxy" | null;
  /** The rules that decide at the end that decides, `NAME RULE`; missing: nobody has said it. */
  readonly by?: readonly string[];
  /** Names of the policies that isolate the end that drops it; missing: nobody has said it. */
  readonly isolating?: readonly string[];
}

/** Sends all packets. @returns how many the flows say were dropped. */
async function compare(
  node: TellingNode,
  pods: ReadonlyMap<string, Party>,
  objects: readonly PolicyObject[],
  packets: Iterable<Packet>,
): Promise<{ readonly sent: number; readonly dropped: number }> {
  await node.replacePods(pods);
  await node.replacePolicy(objects);
  const evaluator = new Evaluator(objects);
  let [sent, dropped] = [0, 0];
  for (const { flow, expected, by, isolating } of packets) {
    const tale = await node.send(flow);
    const evaluation = evaluator.evaluate(flow);
    const [reason, wanted] = [told(tale), expectedOf(evaluation)];
    sent++;
    if (reason.verdict === "DROPPED") dropped++;
    const stopped = reason.reason === undefined ? null : reason.reason.startsWith("POLICY") ? "policy" : "proxy";
    const names = tale.weir.rules.map(({ name, rule }) => `${name} ${rule}`).toSorted();
    const isolated = tale.weir.isolatedBy?.map(({ name }) => name) ?? [];
    // Ports by name that are in an address block are known not to be known.
    const isKnown = DIRECTIONS.some((direction) => evaluation[direction].note !== undefined);
    const said = isKnown ? [stopped, names, isolated] : [expected, by?.toSorted() ?? names, isolating ?? isolated];
    const isAsSaid = JSON.stringify(said) === JSON.stringify([stopped, names, isolated]);
    // So many comparisons that `expect` is for those that may fail.
    if (isAsSaid && same(reason, wanted)) continue;
    expect([reason, stopped, names, isolated], JSON.stringify(flow)).toEqual([wanted, ...said]);
  }
  return { sent, dropped };
}

function same(a: Reason, b: Reason): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

test("each packet of Kubernetes' own cases is told of with the rules that policy eval names", async () => {
  using node = new TellingNode();
  let [sent, dropped] = [0, 0];
  for (const one of networkPolicyCases) {
    for (const step of one.steps) {
      const objects = objectsOf(caseObjects(one, step));
      const pods = new Map<string, Party>();
      for (const name of one.pods) {
        const parties = resolveParties(objects, name, name);
        if (!parties.ok) throw new Error(parties.error);
        pods.set(name, parties.source);
      }
      const packets = one.pods.flatMap((from) =>
        one.pods.flatMap((to): Packet[] => {
          if (from === to) return [];
          const ends = { source: pods.get(from) as Party, destination: pods.get(to) as Party };
          return one.ports.flatMap((port) =>
            one.protocols.map((protocol) => ({
              flow: { ...ends, port, protocol },
              expected: step.blocked({ from, to, port, protocol }) ? "policy" : null,
            })),
          );
        }),
      );
      const count = await compare(node, pods, objects, packets);
      [sent, dropped] = [sent + count.sent, dropped + count.dropped];
    }
  }
  expect(sent).toBeGreaterThan(500);
  expect(dropped).toBeGreaterThan(100);
});

test("so it is with the cases about objects, in every state that is accepted", async () => {
  using node = new TellingNode();
  const [a, b] = [pod("x/a", "10.4.0.1"), pod("x/b", "10.4.0.2")];
  const pods = new Map([
    ["x/a", a],
    ["x/b", b],
  ]);
  for (const { policies, refused, open } of networkPolicyApiCases.flatMap(({ steps }) => steps)) {
    if (refused !== null) continue;
    const packets = API_PORTS.map((port): Packet => ({
      flow: tcp(a, b, port),
      expected: open.includes(port) ? null : "policy",
    }));
    await compare(node, pods, objectsOf(policies.join("\n---\n")), packets);
  }
});

test("so it is with the 256 combinations of allow and deny by peer, port and request", async () => {
  using node = new TellingNode();
  for (const { objects, probes } of part(combinations, { short: 5, long: 1 })) {
    const packets = probes.map(({ flow, expected, by }): Packet => ({
      flow,
      expected: expected === "allow" ? null : expected === "deny" ? "policy" : "proxy",
      by: by.map((rule) => rule.replace("CiliumNetworkPolicy n/", "")),
    }));
    await compare(node, podsOf(probes.map(({ flow }) => flow)), objects, packets);
  }
});

test("so it is with the truth table of denies", async () => {
  using node = new TellingNode();
  for (const { policy, expected } of denyTruthCases) {
    // Allowed in some way: also by the proxy, that is not there.
    const packets = denyTruthProbes.map((flow, i): Packet => {
      const isRedirected = expected[i] === "A" && flow.port === 80;
      return { flow, expected: expected[i] === "D" ? "policy" : isRedirected ? "proxy" : null };
    });
    await compare(node, podsOf(denyTruthProbes), [policy], packets);
  }
});

test("so it is with every variation of peers, ports and subjects, alone and together", async () => {
  using node = new TellingNode();
  const parties = matrixParties();
  const pods = new Map([...parties].map(([{ namespace, name }, party]) => [`${namespace}/${name}`, party]));
  const cases = part(matrixCases, { short: 47, long: 1 });
  let sent = 0;
  for (const one of cases) {
    const count = await compare(node, pods, matrixObjects(matrixText(one)), matrixPackets(one, parties));
    sent += count.sent;
  }
  expect(sent).toBeGreaterThan(sized({ short: 6_000, long: 300_000 }));
}, 1_800_000);

/** Every so many of a list: strides that divide no number of variations meet all sorts of them. */
function part<T>(all: readonly T[], stride: { readonly short: number; readonly long: number }): T[] {
  return all.filter((_, i) => i % sized(stride) === 0);
}

function* matrixPackets(one: MatrixCase, parties: ReturnType<typeof matrixParties>): Generator<Packet> {
  for (const { from, to, flow } of matrixProbes(parties)) {
    // What a pod says to itself never leaves it.
    if (from === to) continue;
    const egress = matrixAnswer(one, "egress", from, to, flow.protocol, flow.port);
    const ingress = matrixAnswer(one, "ingress", to, from, flow.protocol, flow.port);
    const isAllowed = egress.allowed && ingress.allowed;
    const isolating = isAllowed ? [] : (egress.allowed ? ingress : egress).isolating;
    const by = isAllowed ? [...egress.by, ...ingress.by] : [];
    yield { flow, expected: isAllowed ? null : "policy", by, isolating };
  }
}

function podsOf(flows: readonly PolicyFlow[]): Map<string, Party> {
  const parties = new Map(flows.flatMap(({ source, destination }) => [source, destination]).map((one) => [one, one]));
  return new Map(
    [...parties.values()].map((party) => [`${party.subject?.namespace}/${party.subject?.labels["app"]}`, party]),
  );
}
