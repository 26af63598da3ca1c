import { compileHttp, type HttpRequest } from "#policy/l7/http.ts";
import { type L7Request, dnsName, meetsRequest, readHttp } from "#policy/l7/request.ts";
import { type HttpRule, formatNameMatch } from "#policy/model/l7.ts";
import type { Rule } from "#policy/model/rule.ts";
import { DISTANCE, type Miss, compareMisses } from "./miss.ts";

/** So many alternatives are listed. */
const LISTED = 3;

const TITLE = { http: "HTTP", dns: "DNS", kafka: "Kafka", tls: "TLS" } as const;

/** Other headers are nearer than another method, that than another path, and that than another host. */
const FAR = { header: 0, method: 0.02, path: 0.05, host: 0.1 } as const;

/** Of a rule that asks for nothing. */
const ANYTHING: HttpRule = { method: null, path: null, host: null, headers: [], headerMatches: [] };

/** What keeps a request from passing by a rule that matches its connection; empty: it passes. */
export function requestMisses(rule: Rule, request: L7Request): readonly Miss[] {
  const http = request.family === "http" ? readHttp(request) : null;
  // The proxy answers 400, whatever the rules say.
  if (request.family === "http" && !http) return [miss(`servers do not agree what the path ${request.path} means`)];
  if (rule.action !== "redirect" || meetsRequest(rule, request)) return [];
  const { l7, serverNames } = rule;
  const wanted = l7?.family ?? "tls";
  if (wanted !== request.family) return [miss(`the rule is about ${TITLE[wanted]}, not ${TITLE[request.family]}`)];
  if (request.family === "tls") {
    const { serverName } = request;
    return [
      miss(
        serverName === null ? "the client named no server" : `server name ${serverName} is not ${listed(serverNames)}`,
      ),
    ];
  }
  if (l7?.family === "dns" && request.family === "dns") {
    return [miss(`name ${dnsName(request.name)} is not ${listed(l7.rules.map(formatNameMatch))}`)];
  }
  if (l7?.family !== "http" || !http) return [];
  const hidden = new Set(request.family === "http" ? request.hidden : []);
  return l7.rules.map((one) => httpMisses(one, http, hidden)).toSorted(compareMisses)[0] ?? [];
}

function httpMisses(rule: HttpRule, request: HttpRequest, hidden: ReadonlySet<string>): Miss[] {
  const misses: Miss[] = [];
  const doubtful: Miss[] = [];
  const missHeader = (header: string): void => {
    const [name = ""] = header.split(":");
    if (!hidden.has(name.trim().toLowerCase())) misses.push(miss(`header ${header} is missing`));
    else doubtful.push(miss(`header ${name}, whose value is redacted, is not ${header}`));
  };
  const meets = (part: Partial<HttpRule>): boolean => compileHttp({ ...ANYTHING, ...part })(request).isMatch;
  // Without a method none is meant that makes a tunnel.
  const method = ".*";
  if (!meets({ method: rule.method })) {
    misses.push(
      miss(
        rule.method === null
          ? "a rule without a method means no CONNECT"
          : `method ${request.method} is not ${rule.method}`,
        "method",
      ),
    );
  }
  if (rule.path !== null && !meets({ method, path: rule.path })) {
    const asked = `${request.target.path}${request.target.query}`;
    misses.push(miss(`${asked === "" ? "no path" : `path ${asked}`} is not ${rule.path}`, "path"));
  }
  if (rule.host !== null && !meets({ method, host: rule.host })) {
    const host = request.host === "" ? "no host" : `host ${request.host}`;
    misses.push(miss(`${host} is not ${rule.host}`, "host"));
  }
  for (const header of rule.headers) {
    if (!meets({ method, headers: [header] })) missHeader(header);
  }
  for (const match of rule.headerMatches) {
    if (meets({ method, headerMatches: [match] })) continue;
    missHeader(`${match.name}${match.value === null ? "" : `: ${match.value}`}`);
  }
  // What is not known to lack is told only where nothing else is.
  return misses.length > 0 ? misses : doubtful;
}

function listed(texts: readonly string[]): string {
  const more = texts.length - LISTED;
  return [...texts.slice(0, LISTED), ...(more > 0 ? [`${more} more`] : [])].join(" or ");
}

function miss(because: string, field: keyof typeof FAR = "header"): Miss {
  return { because, distance: DISTANCE.request + FAR[field] };
}
