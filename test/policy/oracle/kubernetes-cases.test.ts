import { describe, expect, test } from "vitest";
import type { Party } from "#policy/model/flow.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { parseObjects } from "#policy/parse/objects.ts";
import { API_PORTS, networkPolicyApiCases } from "#test/support/network-policy-api-cases.ts";
import { type Probe, caseObjects, networkPolicyCases } from "#test/support/network-policy-cases.ts";
import { pod, tcp } from "#test/support/policy-objects.ts";

function parse(text: string): readonly PolicyObject[] {
  const parsed = parseObjects(text, "case.yaml");
  expect(parsed).toMatchObject({ ok: true });
  return parsed.ok ? parsed.objects : [];
}

function party(objects: readonly PolicyObject[], name: string): Party {
  const found = objects.find((one) => one.kind === "Pod" && `${one.namespace}/${one.name}` === name);
  if (found?.kind !== "Pod") throw new Error(`there is no pod ${name}`);
  const { namespace, labels, serviceAccount, namedPorts, addresses } = found;
  return { subject: { namespace, labels, serviceAccount, namedPorts }, ...(addresses[0] && { address: addresses[0] }) };
}

function isBlocked(objects: readonly PolicyObject[], { from, to, port, protocol }: Probe): boolean {
  const flow = { source: party(objects, from), destination: party(objects, to), protocol, port };
  const { egress, ingress } = judge(objects, flow);
  return egress.verdict === "deny" || ingress.verdict === "deny";
}

test("there are 50 cases", () => {
  expect(networkPolicyCases.length + networkPolicyApiCases.length).toBe(50);
});

describe.each(networkPolicyCases)("$title", (one) => {
  test.each(one.steps.map((step, i) => [i, step] as const))("step %i", (_, step) => {
    const objects = parse(caseObjects(one, step));
    const probes = one.pods.flatMap((from) =>
      one.pods
        .filter((to) => to !== from)
        .flatMap((to) =>
          one.ports.flatMap((port) => one.protocols.map((protocol): Probe => ({ from, to, port, protocol }))),
        ),
    );
    const told = (blocked: readonly Probe[]): string[] => blocked.map((probe) => JSON.stringify(probe));
    expect(told(probes.filter((probe) => isBlocked(objects, probe)))).toEqual(told(probes.filter(step.blocked)));
  });
});

describe.each(networkPolicyApiCases)("$title", ({ steps }) => {
  test.each(steps)("$title", ({ policies, refused, open }) => {
    const parsed = parseObjects(policies.join("\n---\n"), "case.yaml");
    if (refused !== null) {
      expect(parsed).toMatchObject({ ok: false, errors: [{ field: refused }] });
      return;
    }
    expect(parsed).toMatchObject({ ok: true });
    const objects = parsed.ok ? parsed.objects : [];
    expect(objects).toHaveLength(policies.length);
    const [a, b] = [pod("x/a", "10.4.0.1"), pod("x/b", "10.4.0.2")];
    const reached = API_PORTS.filter((port) => judge(objects, tcp(a, b, port)).ingress.verdict === "allow");
    expect(reached).toEqual(open);
  });
});
