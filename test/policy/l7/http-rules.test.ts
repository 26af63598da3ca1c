import { expect, test } from "vitest";
import { compileHttp } from "#policy/l7/http.ts";
import type { HttpRequest } from "#policy/l7/http.ts";
import { readTarget } from "#policy/l7/http-target.ts";
import type { HttpRule } from "#policy/model/l7.ts";

const any: HttpRule = { method: null, path: null, host: null, headers: [], headerMatches: [] };

function request(path: string, rest: Partial<HttpRequest> = {}): HttpRequest {
  const target = readTarget(path);
  if (!target) throw new Error(`${path} is refused`);
  return { method: "GET", host: "shop.example", target, fields: [], ...rest };
}

function allows(rule: Partial<HttpRule>, asked: HttpRequest): boolean {
  return compileHttp({ ...any, ...rule })(asked).isMatch;
}

test("method and path have to match as a whole", () => {
  const rule = { method: "GET|HEAD", path: "/public/.*" };
  expect(allows(rule, request("/public/a"))).toBe(true);
  expect(allows(rule, request("/public/a", { method: "HEAD" }))).toBe(true);
  expect(allows(rule, request("/public/a", { method: "get" }))).toBe(false);
  expect(allows(rule, request("/public"))).toBe(false);
  expect(allows(rule, request("/x/public/a"))).toBe(false);
  expect(allows({ path: "/a|/ab" }, request("/ab"))).toBe(true);
  expect(allows({ path: "/[ab]|/[ab]b" }, request("/ab"))).toBe(true);
  expect(allows({ path: "^/ab?$" }, request("/abb"))).toBe(false);
});

test("a path is judged with its query, as the published field is", () => {
  expect(allows({ path: "/public" }, request("/public?x=1"))).toBe(false);
  expect(allows({ path: String.raw`/public(\?.*)?` }, request("/public?x=1"))).toBe(true);
  expect(allows({ path: String.raw`/public\?id=[0-9]+` }, request("/public?id=12"))).toBe(true);
  expect(allows({ path: "/public/.*" }, request("/public/a?x=1"))).toBe(true);
});

test("a query does not stand in for the end of a path", () => {
  expect(allows({ path: ".*/health" }, request("/admin?/health"))).toBe(false);
  expect(allows({ path: ".*/health" }, request("/shop/health"))).toBe(true);
});

test("a path with an escaped slash has to match in both of its readings", () => {
  expect(allows({ path: "/a[^/]*" }, request("/a%2fsecret"))).toBe(false);
  expect(allows({ path: "/a/.*" }, request("/a%2fsecret"))).toBe(false);
  expect(allows({ path: "/projects/.*" }, request("/projects/group%2fname"))).toBe(true);
});

test("a host matches in any case, with its port and without", () => {
  expect(allows({ host: "shop.example" }, request("/", { host: "SHOP.example" }))).toBe(true);
  expect(allows({ host: "Shop.Example" }, request("/", { host: "shop.example:8080" }))).toBe(true);
  expect(allows({ host: String.raw`shop\.example:8080` }, request("/", { host: "shop.example:8080" }))).toBe(true);
  expect(allows({ host: String.raw`shop\.example:8080` }, request("/", { host: "shop.example:81" }))).toBe(false);
  expect(allows({ host: String.raw`[a-z]+\.example` }, request("/", { host: "SHOP.EXAMPLE:80" }))).toBe(true);
  expect(allows({ host: String.raw`shop\.example` }, request("/", { host: "shopxexample" }))).toBe(false);
  expect(allows({ host: String.raw`\[::1\]` }, request("/", { host: "[::1]:80" }))).toBe(true);
  expect(allows({ host: ".*" }, request("/", { host: "" }))).toBe(true);
});

test("headers have to be there, with their value where one is named", () => {
  const rule = { headers: ["X-Tenant", "X-Role: reader"] };
  const given = (...fields: string[]) => allows(rule, request("/", { fields }));
  expect(given("x-tenant", "", "x-role", "reader")).toBe(true);
  expect(given("x-tenant", "blue")).toBe(false);
  expect(given("x-tenant", "blue", "x-role", "Reader")).toBe(false);
});

test("who sends a header twice does not have the value that is asked for", () => {
  const fields = ["x-role", "reader", "x-role", "admin"];
  expect(allows({ headers: ["X-Role: reader"] }, request("/", { fields }))).toBe(false);
});

test("a header that does not match refuses, is told of, added, taken away or replaced", () => {
  const verdict = (mismatch: "LOG" | "ADD" | "DELETE" | "REPLACE" | null, ...fields: string[]) =>
    compileHttp({ ...any, headerMatches: [{ name: "X-Role", value: "reader", mismatch }] })(request("/", { fields }));
  expect(verdict("ADD", "x-role", "reader")).toEqual({ isMatch: true, mutations: [], mismatches: [] });
  expect(verdict(null, "x-role", "admin").isMatch).toBe(false);
  expect(verdict("LOG", "x-role", "admin")).toEqual({ isMatch: true, mutations: [], mismatches: ["x-role"] });
  expect(verdict("ADD", "x-role", "admin").mutations).toEqual([{ kind: "add", name: "x-role", value: "reader" }]);
  expect(verdict("DELETE", "x-role", "admin").mutations).toEqual([{ kind: "remove", name: "x-role" }]);
  expect(verdict("DELETE").mutations).toEqual([]);
  expect(verdict("REPLACE").mutations).toEqual([{ kind: "set", name: "x-role", value: "reader" }]);
});

test("no rule changes what frames a message or ends a line", () => {
  const refuses = (name: string, value: string) =>
    !allows({ headerMatches: [{ name, value, mismatch: "ADD" }] }, request("/"));
  expect(refuses("Transfer-Encoding", "chunked")).toBe(true);
  expect(refuses("Host", "other.example")).toBe(true);
  expect(refuses(":path", "/admin")).toBe(true);
  expect(refuses("X-Role", "a\r\nX-Admin: yes")).toBe(true);
});

test("pseudo-headers can be asked for", () => {
  expect(allows({ headers: [":authority: shop.example"] }, request("/"))).toBe(true);
  expect(allows({ headers: [":path: /a"] }, request("/b"))).toBe(false);
});

test("values of headers are compared as bytes of UTF-8", () => {
  const fields = ["x-name", Buffer.from("Zoë").toString("latin1")];
  expect(allows({ headers: ["X-Name: Zoë"] }, request("/", { fields }))).toBe(true);
});
