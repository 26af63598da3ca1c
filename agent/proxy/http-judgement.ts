import { compileHttp } from "#policy/l7/http.ts";
import type { HeaderMutation, HttpRequest } from "#policy/l7/http.ts";
import { decide } from "./rule-book.ts";
import type { Decision, EndRules } from "./rule-book.ts";

export interface HttpOptions {
  /** Whether a denial names the policies that were asked, in the header {@link DENIED_BY}. */
  readonly namesDenier: boolean;
}

export const DENIED_BY = "x-weir-denied-by";
const LONGEST_DENIER = 512;

/** What is decided of an HTTP request, of whatever version. */
export interface HttpJudgement {
  readonly decision: Decision;
  /** What the rules that allow it make of its headers. */
  readonly mutations: readonly HeaderMutation[];
  /** Headers that were not as these rules say. */
  readonly mismatches: readonly string[];
}

export function judgeHttp(ends: readonly EndRules[], request: HttpRequest): HttpJudgement {
  const mutations: HeaderMutation[] = [];
  const mismatches: string[] = [];
  const decision = decide(ends, ({ l7, serverNames }) => {
    // Who asks for a TLS name is not met by a connection without TLS.
    if (l7?.family !== "http" || serverNames.length > 0) return false;
    for (const rule of l7.rules) {
      const verdict = compileHttp(rule)(request);
      if (!verdict.isMatch) continue;
      if (verdict.mutations.length > 0) mutations.push(...verdict.mutations);
      if (verdict.mismatches.length > 0) mismatches.push(...verdict.mismatches);
      return true;
    }
    return false;
  });
  return { decision, mutations, mismatches };
}

/** Which end denies, and the policies that were asked there: a value of a header. */
export function describeDenier(ends: readonly EndRules[], deniedBy: EndRules["end"] | null): string {
  const asked = ends.find(({ end }) => end === deniedBy)?.rules ?? [];
  const policies = new Set(asked.map(({ description: { kind, namespace, name } }) => `${kind} ${namespace}/${name}`));
  const text = [deniedBy === "source" ? "egress" : "ingress", ...policies].join(", ");
  return text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, LONGEST_DENIER);
}
