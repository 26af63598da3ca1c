import type { CiliumPolicyObject, CiliumRule } from "#policy/model/cilium-object.ts";
import type { Flow } from "#policy/model/flow.ts";
import { GET, ciliumPolicy, ciliumRule, onPort, portItem } from "./cilium-objects.ts";
import { labelled, pod, tcp } from "./policy-objects.ts";

/** The rules that a combination has or has not, in the order of its bits. */
const COMBINED_RULES = [
  "allow foo",
  "allow 80",
  "allow foo 80",
  "allow 80 HTTP",
  "allow foo 80 HTTP",
  "deny foo",
  "deny 80",
  "deny foo 80",
] as const;
type CombinedRule = (typeof COMBINED_RULES)[number];

/** A class of flows to the pod that the rules govern. */
export interface CombinationProbe {
  readonly name: "foo 80" | "foo other" | "other 80" | "other other";
  readonly flow: Flow;
  readonly expected: "allow" | "deny" | "redirect";
  /** The rules that decide, `KIND NAMESPACE/NAME RULE`; empty where it is isolation that denies. */
  readonly by: readonly string[];
}

export interface Combination {
  readonly title: string;
  readonly objects: readonly CiliumPolicyObject[];
  readonly probes: readonly CombinationProbe[];
}

const subject = pod("n/subject", "10.0.0.1");
const foo = pod("n/foo", "10.0.0.2");
const other = pod("n/other", "10.0.0.3");

/** Which rules are about which probe, written out. */
const ABOUT: Readonly<Record<CombinationProbe["name"], readonly CombinedRule[]>> = {
  "foo 80": COMBINED_RULES,
  "foo other": ["allow foo", "deny foo"],
  "other 80": ["allow 80", "allow 80 HTTP", "deny 80"],
  "other other": [],
};

/** All 256 combinations of allows and denies of a peer, of a port, of both, with and without requests of HTTP. */
export const combinations: readonly Combination[] = Array.from({ length: 256 }, (_, bits) => {
  const rules = COMBINED_RULES.filter((_, i) => bits & (1 << i));
  const ingress = rules.filter((rule) => !isDeny(rule)).map(toRule);
  const ingressDeny = rules.filter(isDeny).map(toRule);
  return {
    title: rules.join(", ") || "nothing",
    objects: rules.length > 0 ? [ciliumPolicy({ endpoints: labelled({ app: "subject" }), ingress, ingressDeny })] : [],
    probes: [
      expectation(rules, "foo 80", tcp(foo, subject, 80)),
      expectation(rules, "foo other", tcp(foo, subject, 443)),
      expectation(rules, "other 80", tcp(other, subject, 80)),
      expectation(rules, "other other", tcp(other, subject, 443)),
    ],
  };
});

function toRule(rule: CombinedRule): CiliumRule {
  return ciliumRule({
    endpoints: rule.includes("foo") ? [labelled({ app: "foo" })] : null,
    ports: rule.includes("80") ? [portItem([onPort(80)], rule.includes("HTTP") ? GET : null)] : null,
  });
}

/** Any deny denies, else any rule with HTTP redirects, else any allow allows, else isolation denies. */
function expectation(rules: readonly CombinedRule[], name: CombinationProbe["name"], flow: Flow): CombinationProbe {
  const about = rules.filter((rule) => ABOUT[name].includes(rule));
  const denying = about.filter(isDeny);
  const redirecting = about.filter((rule) => rule.includes("HTTP"));
  const probe = (expected: CombinationProbe["expected"], deciding: readonly CombinedRule[]): CombinationProbe => {
    return { name, flow, expected, by: deciding.map((rule) => nameOf(rule, rules)).sort() };
  };
  if (denying.length > 0) return probe("deny", denying);
  if (redirecting.length > 0) return probe("redirect", redirecting);
  return probe(about.length > 0 || rules.length === 0 ? "allow" : "deny", about);
}

function isDeny(rule: CombinedRule): boolean {
  return rule.startsWith("deny");
}

function nameOf(rule: CombinedRule, rules: readonly CombinedRule[]): string {
  const section = rules.filter((one) => isDeny(one) === isDeny(rule));
  return `CiliumNetworkPolicy n/c ingress${isDeny(rule) ? "Deny" : ""}[${section.indexOf(rule)}]`;
}
