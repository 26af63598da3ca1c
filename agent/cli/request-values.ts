import { InvalidArgumentError } from "commander";
import type { RequestQuestion } from "#agent/api/policy-views.ts";

type HttpQuestion = RequestQuestion & { readonly family: "http" };
type Header = HttpQuestion["headers"][number];

/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** `GET host/path?query`, `GET /path`, `GET http://host/path`, `CONNECT host:443`. */
export function httpRequest(text: string): HttpQuestion {
  const [, method = "", host, path = ""] = /^(\S+) +(?:https?:\/\/)?([^/?\s]*)(\S*)$/.exec(text) ?? [];
  if (!TOKEN.test(method) || host === undefined || (host === "" && path === "")) {
    throw new InvalidArgumentError('It is no request like "GET shop.example/orders?id=1".');
  }
  if (method === "CONNECT") return { family: "http", method, host, path: "", headers: [] };
  if (method === "OPTIONS" && host === "*") return { family: "http", method, host: "", path: "*", headers: [] };
  return { family: "http", method, host, path: path.startsWith("/") ? path : `/${path}`, headers: [] };
}

/** `Name: value`, after those that were given before. */
export function headerList(text: string, before: readonly Header[] = []): readonly Header[] {
  const [, name = "", value = ""] = /^([^:]*): *(.*?) *$/.exec(text) ?? [];
  if (!TOKEN.test(name)) throw new InvalidArgumentError('It is no header like "X-Tenant: blue".');
  return [...before, { name, value }];
}

/** A name that DNS or TLS is asked for, as it is asked: not a URL, a pattern or an address with its port. */
export function askedName(text: string): string {
  if (text === "" || /[\s/:*]/.test(text)) throw new InvalidArgumentError('It is no name like "api.example.com".');
  return text;
}
