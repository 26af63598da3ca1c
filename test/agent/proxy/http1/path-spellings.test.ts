import { expect, test } from "vitest";
import { httpEnd, useHttp1Proxy } from "#test/support/http1-proxy.ts";
import { useLoopbackNginx } from "#test/support/loopback-nginx.ts";
import { converse, statuses } from "#test/support/raw-client.ts";

const { port } = useLoopbackNginx('location / { return 404 "$uri\\n"; } location /public/ { return 200 "$uri\\n"; }');
const proxy = useHttp1Proxy(port);

/** `public`: nginx serves a rule's `/public/.*`, and the rule allows it. */
type Spelling = readonly [path: string, nginx: "public" | "other" | "refused", ours: "allowed" | "denied" | "refused"];

const spellings: readonly Spelling[] = [
  ["/public/a", "public", "allowed"],
  ["/public/", "public", "allowed"],
  ["/public", "other", "denied"],
  ["/Public/a", "other", "denied"],
  ["/%70ublic/a", "public", "allowed"],
  ["/%70%75%62%6c%69%63/a", "public", "allowed"],
  ["/%70%75%62%6C%69%63/%61", "public", "allowed"],
  ["/p%75blic%2Fa", "public", "denied"],
  ["//public/a", "public", "allowed"],
  ["/public//a", "public", "allowed"],
  ["/public///", "public", "allowed"],
  ["/./public/a", "public", "allowed"],
  ["/public/./a", "public", "allowed"],
  ["/public/.", "public", "allowed"],
  ["/public/a/..", "public", "allowed"],
  ["/public/..", "other", "denied"],
  ["/public/../admin", "other", "denied"],
  ["/public/../public/a", "public", "allowed"],
  ["/admin/../public/a", "public", "allowed"],
  ["/public/%2e%2e/admin", "other", "denied"],
  ["/public/%2E%2e/admin", "other", "denied"],
  ["/public/.%2e/admin", "other", "denied"],
  ["/public/%2e./admin", "other", "denied"],
  ["/public/%2e/a", "public", "allowed"],
  ["/public//../admin", "other", "denied"],
  ["/public/a//../../admin", "other", "denied"],
  ["/public/..%2fadmin", "other", "refused"],
  ["/public/..%2Fadmin", "other", "refused"],
  ["/public/%2e%2e%2fadmin", "other", "refused"],
  ["/public%2f..%2fadmin", "other", "refused"],
  ["/public/a%2fb", "public", "allowed"],
  ["/public/%252e%252e/admin", "public", "allowed"],
  ["/public/%252e%252e%252fadmin", "public", "allowed"],
  ["/..", "refused", "refused"],
  ["/../public/a", "refused", "refused"],
  ["/public/../../public/a", "refused", "refused"],
  ["/%2e%2e/public/a", "refused", "refused"],
  ["/public/%00", "refused", "refused"],
  ["/public/%", "refused", "refused"],
  ["/public/%2", "refused", "refused"],
  ["/public/%zz", "refused", "refused"],
  ["/public/%u002e", "refused", "refused"],
  ["/public/a%20b", "public", "allowed"],
  ["/public/a+b", "public", "allowed"],
  ["/public/%C3%A9", "public", "allowed"],
  ["/public/\xc3\xa9", "public", "allowed"],
  ["/public/{a|b}", "public", "allowed"],
  ["/public/a;b=c", "public", "allowed"],
  ["/public/...", "public", "allowed"],
  ["/public/..a", "public", "allowed"],
  ["/public/.hidden", "public", "allowed"],
  ["/public/a?../../admin", "public", "allowed"],
  ["/admin?/public/a", "other", "denied"],
  ["/admin?/../public/a", "other", "denied"],
  ["/admin%3f/../public/a", "public", "allowed"],
  ["/public/..?", "other", "denied"],
  // Others than nginx read these differently.
  ["/public/a#b", "public", "refused"],
  ["/public/..\\admin", "public", "refused"],
  ["/public\\a", "other", "refused"],
  ["/public/..%5cadmin", "public", "refused"],
  ["/public/..;/admin", "public", "refused"],
  ["/public/..;a=b/admin", "public", "refused"],
  ["/public/%c0%ae%c0%ae/admin", "public", "refused"],
  ["/public/%c0%afadmin", "public", "refused"],
  ["public/a", "refused", "refused"],
];

const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n`;
const codes = { public: 200, other: 404, refused: 400, allowed: 200, denied: 403 } as const;
const uri = (answer: string) => answer.slice(answer.indexOf("\r\n\r\n") + 4);

test.each(spellings)("%s is %s to nginx, and %s by /public/.*", async (path, nginx, ours) => {
  proxy.ends = [httpEnd([{ path: "/public/.*" }])];
  const direct = await converse(await port(), request(path));
  const proxied = await converse(proxy.port, request(path));
  expect([statuses(direct), statuses(proxied)]).toEqual([[codes[nginx]], [codes[ours]]]);
  // What is allowed is what nginx serves for the spelling that the client had chosen.
  if (ours === "allowed") expect(uri(proxied)).toBe(uri(direct));
});

test.each(spellings.filter(([, , ours]) => ours !== "refused"))(
  "%s is the same page with and without the proxy",
  async (path) => {
    const direct = await converse(await port(), request(path));
    expect(uri(await converse(proxy.port, request(path)))).toBe(uri(direct));
  },
);
