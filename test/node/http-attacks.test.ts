import { join } from "node:path";
import { expect, test } from "vitest";
import { ProxyMark } from "#agent/datapath/layouts.gen.ts";
import { mustRun } from "#agent/local/command.ts";
import { curl, urlOf } from "#test/support/curl.ts";
import { http, l7Policy } from "#test/support/l7-policy.ts";
import type { Place } from "#test/support/lab-program.ts";
import { startNginx } from "#test/support/nginx.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode();
const pods = usePods(node, ["web", "attacker"]);
const rule = http(80, '{method: GET, path: "/public/.*", host: good.example.com}');

prepare(async () => {
  await startNginx({ lab: node().lab, place: pods.web.namespace, name: "web", ports: [80] });
  const ingress = [`{fromEndpoints: [{}], ${rule}}`];
  await node().changeObjects("web.yaml", l7Policy({ name: "web", app: "web", ingress }));
});

/** What comes back on one connection for these bytes. */
function send(
  text: string,
  mark?: number,
  [address, port] = [pods.web.ipv4, "80"],
  from: Place = pods.attacker.namespace,
) {
  const script = join(import.meta.dirname, "../support/send-raw.ts");
  const marked = mark === undefined ? [] : [String(mark)];
  return mustRun(from.enter([process.execPath, script, address, port, JSON.stringify(text), ...marked]));
}

const statuses = (answers: string): number[] =>
  [...answers.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, code]) => Number(code));
const head = (line: string, ...fields: string[]): string =>
  [line, "Host: good.example.com", ...fields, "", ""].join("\r\n");
const good = head("GET /public/x HTTP/1.1");
const last = head("GET /public/x HTTP/1.1", "Connection: close");
const admin = head("GET /admin HTTP/1.1", "Connection: close");

test("of requests one behind the other each is judged", async () => {
  expect(statuses(await send(good + good + last))).toEqual([200, 200, 200]);
  const answers = await send(good + head("GET /admin HTTP/1.1") + last);
  expect(statuses(answers)).toEqual([200, 403, 200]);
  expect(answers).not.toContain("GET /admin from");
});

test.each([
  { what: "another host", text: last.replace("good.", "evil."), codes: [403] },
  { what: "two hosts", text: last.replace("\r\n", "\r\nHost: evil.example.com\r\n"), codes: [400] },
  {
    what: "a host in the target that is not the field's",
    text: last.replace("/public", "http://evil.example.com/public"),
    codes: [400],
  },
  {
    what: "a length and a coding",
    text: head("GET /public/x HTTP/1.1", "Content-Length: 4", "Transfer-Encoding: chunked") + `0\r\n\r\n${admin}`,
    codes: [400],
  },
  {
    what: "two lengths",
    text: head("GET /public/x HTTP/1.1", "Content-Length: 0", "Content-Length: 44") + admin,
    codes: [400],
  },
  { what: "a path that servers normalise", text: last.replace("/public/x", "/public/%2e%2e/admin"), codes: [403] },
  { what: "a bare line feed", text: last.replaceAll("\r\n", "\n"), codes: [400] },
])("$what does not get past the proxy", async ({ text, codes }) => {
  const answers = await send(text);
  expect(statuses(answers)).toEqual(codes);
  expect(answers).not.toContain(" from ");
});

test("what follows a wish to upgrade that the server does not grant is judged as requests", async () => {
  const upgrade = head(
    "GET /public/x HTTP/1.1",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
  );
  const answers = await send(upgrade + admin);
  expect(answers).not.toContain("GET /admin from");
  expect(statuses(answers)[0]).toBe(200);
});

test("marks of a pod's own lead nowhere past the proxy", async () => {
  for (const mark of Object.values(ProxyMark)) {
    expect(statuses(await send(last, mark)), `mark ${mark.toString(16)}`).toEqual([200]);
    expect(statuses(await send(admin, mark)), `mark ${mark.toString(16)}`).toEqual([403]);
  }
});

test("the proxy's own listeners cannot be called, under no address of the node", async () => {
  const listening = await mustRun(node().namespace.enter(["ss", "-Hltn"]));
  const listeners = [...listening.matchAll(/(?:127\.0\.0\.1|\[::1\]):(\d+)/g)].map(([, port]) => port as string);
  expect(listeners.length).toBeGreaterThan(0);
  for (const port of listeners) {
    for (const address of [pods.attacker.gateway4, pods.attacker.gateway6, "127.0.0.1"]) {
      expect(await send(last, ProxyMark.TO_PROXY, [address, port])).toMatch(/^(ECONNREFUSED|SILENCE|ECONNRESET)$/);
    }
    // Of the node itself: the datapath knows no connection of its.
    expect(await send(last, undefined, ["127.0.0.1", port], node().namespace)).not.toContain("200");
  }
});

test("from the port of the proxy's listener a request is judged as from any other", async () => {
  const listening = await mustRun(node().namespace.enter(["ss", "-Hltn"]));
  const port = /127\.0\.0\.1:(\d+)/.exec(listening)?.[1] as string;
  const ask = (path: string) =>
    curl(pods.attacker.namespace, urlOf(pods.web.ipv4, 80, path), "--local-port", port, "-H", "Host: good.example.com");
  expect((await ask("/public/x")).status).toBe(200);
});
