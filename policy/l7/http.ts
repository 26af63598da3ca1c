import type { HttpRule } from "#policy/model/l7.ts";
import { compileHeaders } from "./http-headers.ts";
import type { HttpTarget } from "./http-target.ts";
import { compileText } from "./text-pattern.ts";
import type { TextMatcher } from "./text-pattern.ts";

/** A request, as far as rules can ask of it. */
export interface HttpRequest {
  readonly method: string;
  /** `Host` or `:authority`, as it came; of CONNECT its target. Empty: there is none. */
  readonly host: string;
  /** From {@link readTarget}. */
  readonly target: HttpTarget;
  /** Names in lower case and values in turn, in the order in which they came; without pseudo-headers. */
  readonly fields: readonly string[];
}

/** A change that a rule makes to the headers of a request that it allows. */
export type HeaderMutation =
  | { readonly kind: "add" | "set"; readonly name: string; readonly value: string }
  | { readonly kind: "remove"; readonly name: string };

/** What a rule says of a request. */
export interface HttpVerdict {
  readonly isMatch: boolean;
  /** What becomes of its headers, one after the other; names in lower case, values in Latin-1. */
  readonly mutations: readonly HeaderMutation[];
  /** Names of headers that are not as the rule says, and do not keep it from allowing: to be told of. */
  readonly mismatches: readonly string[];
}

export type HttpMatcher = (request: HttpRequest) => HttpVerdict;

const NO_MATCH: HttpVerdict = { isMatch: false, mutations: [], mismatches: [] };
const MATCH: HttpVerdict = { isMatch: true, mutations: [], mismatches: [] };

const compiled = new WeakMap<HttpRule, HttpMatcher>();

/**
 * Compiles a rule, once for each object. All that it gives must match.
 *
 * `method` in the case as it is written, `host` in any case, against the header with its port or without. `path` against
 * path and query as one text, as the published field is: `/public` is not `/public?x=1`, `/public(\?.*)?` is. What that leaves
 * open is closed: unless the expression has a question mark of the text (`\?`), the path alone must match as well, so
 * that a query cannot stand in for the end of a path, and where the path has escaped slashes both readings must match.
 */
export function compileHttp(rule: HttpRule): HttpMatcher {
  const known = compiled.get(rule);
  if (known) return known;
  const method = rule.method === null ? null : compileText(rule.method);
  const host = rule.host === null ? null : compileText(rule.host, { ignoresCase: true });
  const path = rule.path === null ? null : compilePath(rule.path);
  const headers = compileHeaders(rule);
  const matcher: HttpMatcher = (request) => {
    // Who does not speak of methods does not mean a tunnel.
    if (method ? !method(request.method) : request.method === "CONNECT") return NO_MATCH;
    if (path && !path(request.target)) return NO_MATCH;
    if (host && !matchesHost(host, request.host)) return NO_MATCH;
    if (!headers) return MATCH;
    const verdict = headers(request);
    return verdict ? { isMatch: true, ...verdict } : NO_MATCH;
  };
  compiled.set(rule, matcher);
  return matcher;
}

function compilePath(expression: string): (target: HttpTarget) => boolean {
  const matcher = compileText(expression);
  const asksForQuery = /\\\?|\[[^\]]*\?/.test(expression);
  const meets = (path: string, query: string) =>
    matcher(path + query) && (query === "" || asksForQuery || matcher(path));
  return ({ path, unescapedPath, query }) =>
    meets(path, query) && (unescapedPath === null || meets(unescapedPath, query));
}

function matchesHost(matcher: TextMatcher, host: string): boolean {
  if (matcher(host)) return true;
  const port = /:\d*$/.exec(host);
  return port !== null && matcher(host.slice(0, port.index));
}
