import type { HeaderMutation, HttpRequest } from "#policy/l7/http.ts";
import { compileHttp } from "#policy/l7/http.ts";
import type { Decision, EndRules, ProxyRule } from "../rule-book.ts";
import { decide } from "../rule-book.ts";

export interface JudgedRequest {
  readonly decision: Decision;
  readonly mutations: readonly HeaderMutation[];
}

/** Decides of a request; CONNECT passes only by rules that name methods. */
export function judge(ends: readonly EndRules[], request: HttpRequest): JudgedRequest {
  const mutations: HeaderMutation[] = [];
  const meets = ({ l7 }: ProxyRule): boolean => {
    if (l7?.family !== "http") return false;
    for (const rule of l7.rules) {
      if (request.method === "CONNECT" && rule.method === null) continue;
      const verdict = compileHttp(rule)(request);
      if (!verdict.isMatch) continue;
      mutations.push(...verdict.mutations);
      return true;
    }
    return false;
  };
  return { decision: decide(ends, meets), mutations };
}
