import type { Rule } from "#policy/model/rule.ts";
import { meetsDnsRules } from "./dns.ts";
import { compileHttp, type HttpRequest } from "./http.ts";
import { ASTERISK, type HttpTarget, NO_PATH, readTarget } from "./http-target.ts";
import { meetsServerNames } from "./server-names.ts";

/** What somebody asks of a server, as a question about policy has it. */
export type L7Request =
  | {
      readonly family: "http";
      readonly method: string;
      /** As in the header `Host`; empty: none. */
      readonly host: string;
      /** With its query, as it is sent; of CONNECT empty. */
      readonly path: string;
      readonly headers: readonly { readonly name: string; readonly value: string }[];
      /** Names, in lower case, of those headers whose values nobody knows. */
      readonly hidden?: readonly string[];
    }
  /** `name`: of a lookup in the class IN. */
  | { readonly family: "dns"; readonly name: string }
  /** `serverName`: in the hello of a TLS client; null: it names none. */
  | { readonly family: "tls"; readonly serverName: string | null };

/** What a rule asks of requests. */
export type RequestRule = Pick<Rule, "l7" | "serverNames">;

/** Whether a request meets a rule about requests, as the proxy finds it. */
export function meetsRequest({ l7, serverNames }: RequestRule, request: L7Request): boolean {
  switch (request.family) {
    case "http": {
      const read = readHttp(request);
      return read !== null && l7?.family === "http" && l7.rules.some((rule) => compileHttp(rule)(read).isMatch);
    }
    case "dns":
      return meetsDnsRules(l7, { name: dnsName(request.name), isPlainLookup: true });
    case "tls":
      return l7 === null && request.serverName !== null && meetsServerNames(serverNames, request.serverName);
  }
}

/** A request as the proxy has read it; null: it answers 400, because what the path means is not the same for all servers. */
export function readHttp(request: L7Request & { readonly family: "http" }): HttpRequest | null {
  const { method, host, headers } = request;
  const target = readPath(method, request.path);
  const fields = headers.flatMap(({ name, value }) => [name.toLowerCase(), value]);
  return target && { method, host, target, fields };
}

function readPath(method: string, path: string): HttpTarget | null {
  if (method === "CONNECT") return NO_PATH;
  return method === "OPTIONS" && path === "*" ? ASTERISK : readTarget(path);
}

/** As rules write it. */
export function dnsName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
