import type { CiliumPolicyObject, CiliumSection, CiliumSpec } from "#policy/model/cilium-object.ts";
import { type PolicyObject, objectKey } from "#policy/model/object.ts";
import type { RuleDescription } from "#policy/model/rule.ts";
import type { LabelSelector } from "#policy/model/selector.ts";
import { ciliumRule } from "./cilium-objects.ts";

/** Labels that nobody has. */
const NOBODY: LabelSelector = {
  matchLabels: {},
  matchExpressions: [
    { key: "app", operator: "Exists", values: [] },
    { key: "app", operator: "DoesNotExist", values: [] },
  ],
};

/**
 * The objects with one that matches nothing in a rule's place: as if it were not there, while
 * the others keep their names and their order.
 */
export function withoutRule(objects: readonly PolicyObject[], rule: RuleDescription): PolicyObject[] {
  return objects.map((object) => (objectKey(object) === objectKey(rule) ? without(object, rule.rule) : object));
}

function without(object: PolicyObject, name: string): PolicyObject {
  const [, prefix = "", section = "", index = ""] = /^(specs\[\d+\]\.)?(\w+)\[(\d+)\]$/.exec(name) ?? [];
  const at = Number(index);
  if ("specs" in object) return withoutCilium(object, prefix, section as CiliumSection, at);
  const direction = section as "ingress" | "egress";
  if (object.kind === "NetworkPolicy") {
    const peers = [{ podSelector: NOBODY, namespaceSelector: null, ipBlock: null }];
    return { ...object, [direction]: object[direction].map((rule, i) => (i === at ? { ...rule, peers } : rule)) };
  }
  if ("tier" in object) {
    const peers = [{ kind: "pods", namespaces: NOBODY, pods: NOBODY }] as const;
    return { ...object, [direction]: object[direction].map((rule, i) => (i === at ? { ...rule, peers } : rule)) };
  }
  return object;
}

function withoutCilium(object: CiliumPolicyObject, prefix: string, section: CiliumSection, at: number): PolicyObject {
  const specs = object.specs.map((spec): CiliumSpec => {
    if (spec.prefix !== prefix) return spec;
    return { ...spec, [section]: spec[section].map((rule, i) => (i === at ? ciliumRule({ line: rule.line }) : rule)) };
  });
  return { ...object, specs };
}
