import { expect } from "vitest";
import type { CiliumPolicyObject, CiliumRule } from "#policy/model/cilium-object.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { formatLocatedError } from "#policy/parse/located-error.ts";
import { parseObjects } from "#policy/parse/objects.ts";

/** The errors of a text in the file `f`. */
export function errorsOf(text: string): string[] {
  const parsed = parseObjects(text, "f");
  return parsed.ok ? [] : parsed.errors.map(formatLocatedError);
}

/** The objects of a text that has no errors. */
export function objectsOf(text: string): PolicyObject[] {
  expect(errorsOf(text)).toEqual([]);
  const parsed = parseObjects(text, "f");
  return parsed.ok ? parsed.objects : [];
}

export type CiliumKind = CiliumPolicyObject["kind"];
const NAMESPACED: CiliumKind = "CiliumNetworkPolicy";
const CLUSTERWIDE: CiliumKind = "CiliumClusterwideNetworkPolicy";

/** A policy whose fields begin at line 4. */
export function ciliumText(fields: string, kind: CiliumKind = NAMESPACED): string {
  return `apiVersion: cilium.io/v2\nkind: ${kind}\nmetadata: {name: p}\n${fields}\n`;
}

/** A policy whose spec is the text at line 4, column 7. */
export function specText(spec: string, kind: CiliumKind = NAMESPACED): string {
  return ciliumText(`spec: ${spec}`, kind);
}

/** A policy with one rule, at line 7, column 5. */
export function ruleText(section: string, rule: string): string {
  return ciliumText(`spec:\n  endpointSelector: {}\n  ${section}:\n  - ${rule}`);
}

/** A policy of nodes with one rule, at line 7, column 5. */
export function hostRuleText(section: string, rule: string): string {
  return ciliumText(`spec:\n  nodeSelector: {}\n  ${section}:\n  - ${rule}`, CLUSTERWIDE);
}

/** The only policy of a text that has no errors. */
export function ciliumPolicy(text: string): CiliumPolicyObject {
  const [object, ...others] = objectsOf(text);
  expect(others).toEqual([]);
  if (object?.kind !== NAMESPACED && object?.kind !== CLUSTERWIDE) throw new Error(`${object?.kind} is no policy`);
  return object;
}

/** The rule of a policy that has no errors, in this section. */
export function ciliumRule(section: "ingress" | "ingressDeny" | "egress" | "egressDeny", rule: string): CiliumRule {
  const [first] = ciliumPolicy(ruleText(section, rule)).specs[0]?.[section] ?? [];
  if (!first) throw new Error("the policy has no rule");
  return first;
}
