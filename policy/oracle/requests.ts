import type { HttpRule, L7Rules } from "#policy/model/l7.ts";
import { isName } from "./names.ts";

/** What is asked for. Paths are in the one spelling that is judged. */
export type AskedFor =
  | {
      readonly family: "http";
      readonly method: string;
      readonly host: string;
      readonly path: string;
      /** With its question mark; empty: none. */
      readonly query: string;
      readonly headers: readonly { readonly name: string; readonly value: string }[];
    }
  | { readonly family: "dns"; readonly name: string }
  | { readonly family: "tls"; readonly serverName: string | null };

/** Whether a rule lets a request pass, by the text of the fields. Backtracks: not for expressions or requests of others. */
export function isRequestAllowed(l7: L7Rules | null, serverNames: readonly string[], asked: AskedFor): boolean {
  if (asked.family === "tls") {
    if (asked.serverName === null) return false;
    const name = asked.serverName.toLowerCase().replace(/\.$/, "");
    return l7 === null && serverNames.some((pattern) => isName({ kind: "pattern", pattern }, name));
  }
  if (l7?.family === "dns" && asked.family === "dns") {
    const name = asked.name.toLowerCase().replace(/\.$/, "");
    return l7.rules.some((match) => isName(match, name));
  }
  return l7?.family === "http" && asked.family === "http" && l7.rules.some((rule) => isHttpAllowed(rule, asked));
}

function isHttpAllowed(rule: HttpRule, asked: AskedFor & { readonly family: "http" }): boolean {
  const { method, host, path, query } = asked;
  if (rule.method === null ? method === "CONNECT" : !isWhole(rule.method, method)) return false;
  if (rule.host !== null) {
    const withoutPort = host.replace(/:[0-9]*$/, "");
    if (![host, withoutPort].some((text) => isWhole(rule.host ?? "", text, "i"))) return false;
  }
  if (rule.path !== null) {
    // Who does not speak of a query does not mean that it stands in for a part of the path.
    const readings = rule.path.includes("\\?") ? [path + query] : [path, path + query];
    if (!readings.every((text) => isWhole(rule.path ?? "", text))) return false;
  }
  const valueOf = (name: string): string | null => {
    const values = asked.headers.filter((header) => header.name.toLowerCase() === name.toLowerCase());
    if (name.toLowerCase() === "host") return host === "" ? null : host;
    return values.length === 0 ? null : values.map(({ value }) => value).join(",");
  };
  const isThere = rule.headers.every((text) => {
    const [, name = "", value] = /^([^:]*)(?:: *(.*))?$/.exec(text) ?? [];
    return value === undefined ? valueOf(name) !== null : valueOf(name) === value;
  });
  return (
    isThere &&
    rule.headerMatches.every(({ name, value, mismatch }) => {
      const given = valueOf(name);
      return (given !== null && (value === null || given === value)) || mismatch !== null;
    })
  );
}

function isWhole(expression: string, text: string, flags = ""): boolean {
  return new RegExp(`^(?:${expression})$`, `s${flags}`).test(text);
}
