import { expect, test } from "vitest";
import { chooseProtocol } from "#agent/proxy/protocol.ts";
import type { EndRules, ProxyRule } from "#agent/proxy/rule-book.ts";
import type { L7Family } from "#policy/model/l7.ts";

type Asked = L7Family | "names";

function rule(asked: Asked): ProxyRule {
  const description = { kind: "K", namespace: "n", name: "a", rule: "ingress[0]", file: "f", line: 1 };
  return asked === "names"
    ? { description, l7: null, serverNames: ["a.example"] }
    : { description, l7: { family: asked, rules: [] }, serverNames: [] };
}

function ends(asked: readonly Asked[], isPlain = false): EndRules[] {
  return [{ end: "source", isPlain, rules: asked.map(rule) }];
}

const hello = Buffer.from("16030100c8010000c40303", "hex");
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const metadata = Buffer.from("00000020000300090000000100", "hex");
const query = Buffer.from("001cabcd01000001000000000000", "hex");
const get = Buffer.from("GET / HTTP/1.1\r\n");
const ssh = Buffer.from([0x80, 0x2e, 1, 2, 3, 4, 5, 6]);

test.each([
  ["a ClientHello", hello, "tls"],
  ["the HTTP/2 preface", preface, "http2"],
])("%s is unmistakable, whatever rules ask for", (_, bytes, expected) => {
  for (const asked of [["http"], ["dns", "kafka"], ["names"], []] as Asked[][]) {
    expect(chooseProtocol(ends(asked), bytes, false)).toBe(expected);
    expect(chooseProtocol(ends(asked, true), bytes, false)).toBe(expected);
  }
});

test("where rules speak of one protocol, all else is read as that one", () => {
  expect(chooseProtocol(ends(["http"]), query, false)).toBe("http1");
  expect(chooseProtocol(ends(["dns"]), get, false)).toBe("dns");
  expect(chooseProtocol(ends(["kafka", "kafka"]), ssh, false)).toBe("kafka");
});

test("where rules speak of several, the bytes choose among them", () => {
  const all = ends(["http", "dns", "kafka"]);
  expect(chooseProtocol(all, get, false)).toBe("http1");
  expect(chooseProtocol(all, metadata, false)).toBe("kafka");
  expect(chooseProtocol(all, query, false)).toBe("dns");
  expect(chooseProtocol(all, ssh, false)).toBe("none");
  expect(chooseProtocol(ends(["dns", "kafka"]), get, false)).toBe("none");
});

test("where rules speak of TLS names only, the handler of TLS is given what is none", () => {
  expect(chooseProtocol(ends(["names"]), get, false)).toBe("tls");
  expect(chooseProtocol(ends(["names"]), ssh, false)).toBe("tls");
});

test("where no rule is known yet, HTTP is read as what it is, to be denied in its own words", () => {
  expect(chooseProtocol(ends([]), get, false)).toBe("http1");
  expect(chooseProtocol(ends([]), Buffer.from("GE"), false)).toBe("more");
});

test("where every end lets all pass, what looks like nothing known is passed on as it comes", () => {
  expect(chooseProtocol(ends(["http"], true), ssh, false)).toBe("raw");
  expect(chooseProtocol(ends(["http"], true), query, false)).toBe("raw");
  expect(chooseProtocol(ends(["dns"], true), query, false)).toBe("dns");
  expect(chooseProtocol(ends([], true), get, false)).toBe("http1");
});

test.each([
  "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
  "EHLO mail.example\r\n",
  "PING\r\n",
  "SET key value\r\n",
  "GET /key\r\n",
  "*1\r\n$4\r\nPING\r\n",
])("a line that is no request of HTTP/1 is none: %j", (line) => {
  expect(chooseProtocol(ends(["http"], true), Buffer.from(line), false)).toBe("raw");
  expect(chooseProtocol(ends(["http"]), Buffer.from(line), false)).toBe("http1");
});

test.each([
  "GET /a",
  "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
  "\r\nget http://a/ HTTP/1.0\n",
  "CONNECT a:1 HTTP/1.1\r\n",
])("a request of HTTP/1 is one, even before its line has ended: %j", (line) =>
  expect(chooseProtocol(ends([], true), Buffer.from(line), false)).toBe("http1"),
);

test("one end that asks is enough to be asked", () => {
  expect(chooseProtocol([...ends(["http"], true), ...ends(["kafka"])], ssh, false)).toBe("none");
});

test("a beginning that may become several protocols waits for more, and for no more than there will be", () => {
  expect(chooseProtocol(ends(["http"]), preface.subarray(0, 3), false)).toBe("more");
  expect(chooseProtocol(ends(["http"]), preface.subarray(0, 23), false)).toBe("more");
  expect(chooseProtocol(ends(["http"]), preface.subarray(0, 3), true)).toBe("http1");
  expect(chooseProtocol(ends(["http"]), Buffer.from("PRINT / HTTP/1.1"), false)).toBe("http1");
  expect(chooseProtocol(ends(["http"]), hello.subarray(0, 1), false)).toBe("more");
  expect(chooseProtocol(ends(["http", "dns"]), query.subarray(0, 4), false)).toBe("more");
  expect(chooseProtocol(ends(["http", "dns"]), query.subarray(0, 4), true)).toBe("none");
  expect(chooseProtocol(ends(["http"]), Buffer.from("G"), false)).toBe("http1");
  expect(chooseProtocol(ends(["http"], true), Buffer.from("PROPFIND"), false)).toBe("more");
  expect(chooseProtocol(ends(["http"], true), Buffer.from([1, 2, 3]), false)).toBe("raw");
});
