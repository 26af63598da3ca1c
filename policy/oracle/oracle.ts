/**
 * Judges one flow by the text of the specifications of all policy languages, as simply as it can
 * be said. Everything else is tested against this; so it shares no code with the rest, only the
 * types of objects. Slow on purpose: it looks at every object for every question.
 */
import type { Flow } from "#policy/model/flow.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { ciliumPolicies, isGuardedNode } from "./cilium.ts";
import { clusterTier } from "./cluster.ts";
import { networkPolicies } from "./kubernetes.ts";
import { isSame } from "./party.ts";
import type { OracleOptions, Question } from "./question.ts";

export interface OracleVerdict {
  readonly verdict: "allow" | "deny" | "redirect";
  /** The rules that decide, sorted, as `KIND NAMESPACE/NAME RULE`; empty where no rule does. */
  readonly rules: readonly string[];
  /** Of a redirect: a rule allows the same without asking anything of requests. Left out where none does. */
  readonly isPlain?: true;
}

const FREE: OracleVerdict = { verdict: "allow", rules: [] };
const ISOLATED: OracleVerdict = { verdict: "deny", rules: [] };

/** Asks the source's policies whether it may send, and the destination's whether it may receive. */
export function judge(
  objects: readonly PolicyObject[],
  flow: Flow,
  options: OracleOptions = {},
): { egress: OracleVerdict; ingress: OracleVerdict } {
  const { source, destination } = flow;
  return {
    egress: judgeDirection({ objects, flow, options, direction: "egress", self: source, peer: destination }),
    ingress: judgeDirection({ objects, flow, options, direction: "ingress", self: destination, peer: source }),
  };
}

/** The highest tier that says something decides. */
function judgeDirection(question: Question): OracleVerdict {
  if (isFree(question)) return FREE;
  return failsafe(question) ?? adminTier(question) ?? normalTier(question) ?? baselineTier(question) ?? FREE;
}

function isFree({ direction, self, peer, options }: Question): boolean {
  const countsNothing = options.enforcement === "never" || (options.audit === true && !options.staged);
  if (countsNothing || isSame(self, peer)) return true;
  // Kubelet's probes come from the node, and reach its pods always; and the node reaches itself.
  const isFromNode = !peer.subject && peer.reserved === "host";
  return isFromNode && (self.subject ? direction === "ingress" : self.reserved === "host");
}

/** What a node that policies select lets through whatever they say. */
function failsafe(question: Question): OracleVerdict | null {
  const { direction, flow, options } = question;
  if (!options.hostFailsafe || !isGuardedNode(question)) return null;
  const side = direction === "ingress" ? "inbound" : "outbound";
  const rules = options.hostFailsafe[side]
    .filter(({ protocol, first, last }) => protocol === flow.protocol && first <= flow.port && flow.port <= last)
    .map(({ protocol, first, last }) => {
      const ports = first === last ? `${first}` : `${first}-${last}`;
      return { rule: `Failsafe /host ${side} ${protocol.toLowerCase()}:${ports}` };
    });
  return rules.length > 0 ? verdictOf("allow", rules) : null;
}

/** The first rule that matches; a pass leaves it to the lower tiers. */
function adminTier(question: Question): OracleVerdict | null {
  const first = clusterTier(question, "Admin");
  if (!first[0] || first[0].action === "Pass") return null;
  return verdictOf(first[0].action === "Deny" ? "deny" : "allow", first);
}

/** Rules in any order: a deny goes before a redirect, and that before an allow. After them comes isolation. */
function normalTier(question: Question): OracleVerdict | null {
  const said = [...networkPolicies(question), ...ciliumPolicies(question)];
  for (const verdict of ["deny", "redirect", "allow"] as const) {
    const rules = said.filter(({ action }) => action === verdict);
    if (rules.length === 0) continue;
    const isPlain = verdict === "redirect" && said.some(({ action }) => action === "allow");
    return { ...verdictOf(verdict, rules), ...(isPlain && { isPlain }) };
  }
  const isAlways = question.options.enforcement === "always" && question.self.subject !== undefined;
  return isAlways || said.some(({ action }) => action === "isolate") ? ISOLATED : null;
}

/** The first rule that matches; as nothing comes after it, a pass is an allow. */
function baselineTier(question: Question): OracleVerdict | null {
  const first = clusterTier(question, "Baseline");
  return first[0] ? verdictOf(first[0].action === "Deny" ? "deny" : "allow", first) : null;
}

function verdictOf(verdict: OracleVerdict["verdict"], rules: readonly { readonly rule: string }[]): OracleVerdict {
  return { verdict, rules: [...new Set(rules.map(({ rule }) => rule))].sort() };
}
