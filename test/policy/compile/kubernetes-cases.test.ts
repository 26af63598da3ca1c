import { describe, expect, test } from "vitest";
import { resolveParties } from "#policy/explain/parties.ts";
import type { Party } from "#policy/model/flow.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { parseObjects } from "#policy/parse/objects.ts";
import { Judges, blocked } from "#test/support/judges.ts";
import { API_PORTS, networkPolicyApiCases } from "#test/support/network-policy-api-cases.ts";
import { type NetworkPolicyCase, caseObjects, networkPolicyCases } from "#test/support/network-policy-cases.ts";
import { pod, tcp } from "#test/support/policy-objects.ts";

function parse(text: string): PolicyObject[] {
  const parsed = parseObjects(text, "case.yaml");
  expect(parsed).toMatchObject({ ok: true });
  return parsed.ok ? parsed.objects : [];
}

function party(objects: readonly PolicyObject[], name: string): Party {
  const parties = resolveParties(objects, name, name);
  if (!parties.ok) throw new Error(parties.error);
  return parties.source;
}

/** Every pair of pods, port and protocol; a pod's traffic to itself is not judged in the cases. */
function* probesOf({ pods, ports, protocols }: NetworkPolicyCase) {
  for (const from of pods) {
    for (const to of pods.filter((pod) => pod !== from)) {
      for (const port of ports) for (const protocol of protocols) yield { from, to, port, protocol };
    }
  }
}

test("there are 50 cases, 48 of them about traffic", () => {
  expect([networkPolicyCases.length, networkPolicyApiCases.length]).toEqual([48, 2]);
});

describe("traffic", () => {
  // The engine comes from step to step, as it does when somebody changes objects.
  test.each(networkPolicyCases)("$title", (one) => {
    let judges: Judges | null = null;
    for (const [i, step] of one.steps.entries()) {
      const objects = parse(caseObjects(one, step));
      const parties = new Map(one.pods.map((name) => [name, party(objects, name)]));
      judges = judges ? judges.evolve(objects, parties.values()) : new Judges(objects, parties.values());
      let denied = 0;
      for (const probe of probesOf(one)) {
        const { from, to, port, protocol } = probe;
        const flow = { source: parties.get(from) as Party, destination: parties.get(to) as Party, port, protocol };
        const judgements = judges.judge(flow);
        const expected = step.blocked(probe);
        const told = `step ${i}: ${JSON.stringify(probe)}`;
        expect(blocked(judgements), told).toEqual([expected, expected, expected]);
        expect([judgements.compiled, judgements.evaluated], told).toEqual([judgements.specified, judgements.specified]);
        if (expected) denied++;
      }
      if (step.policies.length === 0) expect(denied).toBe(0);
    }
  });
});

describe("objects", () => {
  const [a, b] = [pod("x/a", "10.4.0.1"), pod("x/b", "10.4.0.2")];

  test.each(networkPolicyApiCases)("$title", ({ steps }) => {
    let judges = new Judges([], [a, b]);
    for (const { title, policies, refused, open } of steps) {
      const parsed = parseObjects(policies.join("\n---\n"), "case.yaml");
      if (!parsed.ok || refused !== null) {
        // What is refused leaves in force what was.
        expect(parsed, title).toMatchObject({ ok: false, errors: [{ field: refused }] });
        continue;
      }
      judges = judges.evolve(parsed.objects, [a, b]);
      const shut = API_PORTS.filter((port) => !open.includes(port));
      expect(
        API_PORTS.filter((port) => blocked(judges.judge(tcp(a, b, port))).includes(true)),
        title,
      ).toEqual(shut);
      expect(
        API_PORTS.filter((port) => blocked(judges.judge(tcp(a, b, port))).includes(false)),
        title,
      ).toEqual(open);
    }
  });
});
