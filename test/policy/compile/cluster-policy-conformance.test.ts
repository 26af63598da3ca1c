import { describe, expect, test } from "vitest";
import { resolveParties } from "#policy/explain/parties.ts";
import type { Flow, Party } from "#policy/model/flow.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { PROTOCOLS, type Protocol } from "#policy/model/protocol.ts";
import { parseObjects } from "#policy/parse/objects.ts";
import type { ClusterPolicyCase, ClusterPolicyState } from "#test/support/cluster-policy-case.ts";
import { clusterPolicyCases } from "#test/support/cluster-policy-cases.ts";
import { moreClusterPolicyCases } from "#test/support/cluster-policy-more-cases.ts";
import { CLUSTER_VERSIONS, type ClusterVersion, clusterPolicyText } from "#test/support/cluster-policy-text.ts";
import { DNS_NAMES, NODE, OUTSIDE, PODS, SERVED, clusterWorld } from "#test/support/cluster-policy-world.ts";
import { Judges, blocked } from "#test/support/judges.ts";

function parse({ policies, others }: ClusterPolicyState, version: ClusterVersion): PolicyObject[] {
  const texts = [...clusterWorld, ...others, ...policies.map((policy) => clusterPolicyText(policy, version))];
  const parsed = parseObjects(texts.join("\n---\n"), "case.yaml");
  expect(parsed).toMatchObject({ ok: true });
  return parsed.ok ? parsed.objects : [];
}

/** `east-0`, or an address. */
function nameOf(text: string): string {
  return text.includes("-") ? `${text.split("-")[0]}/${text}` : text;
}

function partiesOf(objects: readonly PolicyObject[], from: string, to: string): [Party, Party] {
  const parties = resolveParties(objects, from, to);
  if (!parties.ok) throw new Error(parties.error);
  const named = (party: Party): Party => {
    const names = DNS_NAMES[party.address ?? ""];
    return names ? { ...party, names } : party;
  };
  return [named(parties.source), named(parties.destination)];
}

function flowOf(objects: readonly PolicyObject[], text: string): Flow {
  const [from = "", to = "", service = ""] = text.split(" ");
  const [protocol, port] = service.split("/") as [Protocol, string];
  const [source, destination] = partiesOf(objects, nameOf(from), nameOf(to));
  return { source, destination, protocol, port: Number(port) };
}

/** Everybody to everybody, by each port that pods serve. */
function* allFlows(objects: readonly PolicyObject[]): Generator<Flow> {
  for (const from of PODS) {
    for (const to of [...PODS, NODE, ...Object.values(OUTSIDE)]) {
      const [source, destination] = partiesOf(objects, from, to);
      for (const protocol of PROTOCOLS) {
        for (const port of SERVED[protocol]) yield { source, destination, protocol, port };
      }
    }
  }
}

function everybody(objects: readonly PolicyObject[]): Party[] {
  const others = [NODE, ...Object.values(OUTSIDE)];
  return [...PODS, ...others].map((name) => partiesOf(objects, PODS[0] as string, name)[1]);
}

function run({ start, steps }: ClusterPolicyCase, version: ClusterVersion): void {
  let state = start;
  let judges: Judges | null = null;
  for (const { title, change, open, closed } of steps) {
    state = change(state);
    const objects = parse(state, version);
    const parties = everybody(objects);
    // The engine comes step by step to where it is.
    judges = judges ? judges.evolve(objects, parties) : new Judges(objects, parties);
    for (const [probes, is] of [
      [open, false],
      [closed, true],
    ] as const) {
      for (const probe of probes) {
        expect(blocked(judges.judge(flowOf(objects, probe))), `${title}: ${probe}`).toEqual([is, is, is]);
      }
    }
    // Versions differ in their texts, not in what comes of them.
    if (version !== "v1beta1") continue;
    for (const flow of allFlows(objects)) {
      const { compiled, evaluated, specified } = judges.judge(flow);
      expect([compiled, evaluated], `${title}: ${JSON.stringify(flow)}`).toEqual([specified, specified]);
    }
  }
}

const subtests = (cases: readonly ClusterPolicyCase[], version: ClusterVersion): number =>
  cases.filter(({ versions }) => versions.includes(version)).reduce((sum, { steps }) => sum + steps.length, 0);

test("there are 92 subtests in each version, and others", () => {
  expect(CLUSTER_VERSIONS.map((version) => subtests(clusterPolicyCases, version))).toEqual([92, 92, 92]);
  expect(CLUSTER_VERSIONS.map((version) => subtests(moreClusterPolicyCases, version))).toEqual([28, 36, 36]);
  for (const { steps } of [...clusterPolicyCases, ...moreClusterPolicyCases]) {
    for (const { open, closed } of steps) expect(open.length + closed.length).toBeGreaterThan(0);
  }
});

describe.each(CLUSTER_VERSIONS)("%s", (version) => {
  const cases = [...clusterPolicyCases, ...moreClusterPolicyCases];
  test.each(cases.filter(({ versions }) => versions.includes(version)))("$title", (one) => {
    run(one, version);
  });
});
