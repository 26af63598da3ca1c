import { expect, test } from "vitest";
import type { L7Rules } from "#policy/model/l7.ts";
import { ciliumRule } from "#test/support/cilium-text.ts";

function l7(rules: string, port = "{port: 80, protocol: TCP}"): L7Rules | null | undefined {
  return ciliumRule("egress", `{toPorts: [{ports: [${port}], rules: ${rules}}]}`).ports?.[0]?.l7;
}

test.each(["{}", "{http: null, dns: , kafka: ~}"])("%s asks nothing", (rules) => {
  expect(l7(rules)).toBeNull();
});

test("HTTP: expressions, headers and what becomes of those that do not match", () => {
  const rule = `{method: "GET|HEAD", path: "/api/v[0-9]+/.*", host: '(?i)shop\\.example',
    headers: [X-Trace, "X-Tenant: blue", "X-Old grey green", ":authority: a"],
    headerMatches: [{name: X-A}, {name: X-B, value: "b c", mismatch: ADD}, {name: X-C, value: '', mismatch: LOG}]}`;
  const anything = { method: null, path: null, host: null, headers: [], headerMatches: [] };
  expect(l7(`{http: [${rule.replaceAll("\n", " ")}, {}, {method: '', path: ''}]}`)).toEqual({
    family: "http",
    rules: [
      {
        method: "GET|HEAD",
        path: "/api/v[0-9]+/.*",
        host: "(?i)shop\\.example",
        headers: ["X-Trace", "X-Tenant: blue", "X-Old: grey green", ":authority: a"],
        headerMatches: [
          { name: "X-A", value: null, mismatch: null },
          { name: "X-B", value: "b c", mismatch: "ADD" },
          { name: "X-C", value: null, mismatch: "LOG" },
        ],
      },
      anything,
      anything,
    ],
  });
});

test("Kafka: names in any case of letters", () => {
  const rules =
    "{role: Produce, topic: a.b_c-1}, {apiKey: OffsetFetch, apiVersion: '0', clientID: me}, {role: '', topic: ''}";
  const nothing = { role: null, apiKey: null, apiVersion: null, clientId: null, topic: null };
  expect(l7(`{kafka: [${rules}]}`)).toEqual({
    family: "kafka",
    rules: [
      { ...nothing, role: "produce", topic: "a.b_c-1" },
      { ...nothing, apiKey: "offsetfetch", apiVersion: "0", clientId: "me" },
      nothing,
    ],
  });
});

test.each(["{port: 53}", "{port: '53', protocol: ANY}", "{port: dns, protocol: UDP}", "{port: 53, protocol: TCP}"])(
  "DNS at %s",
  (port) => {
    expect(l7("{dns: [{matchName: A.example.}, {matchPattern: '*'}]}", port)).toEqual({
      family: "dns",
      rules: [
        { kind: "name", name: "a.example" },
        { kind: "pattern", pattern: "*" },
      ],
    });
  },
);

test("rules of HTTP and Kafka may stand at ports of ingress, and without ports", () => {
  const rule = ciliumRule(
    "ingress",
    "{toPorts: [{ports: [{port: http, protocol: TCP}], rules: {http: [{}]}}, {rules: {kafka: [{}]}}]}",
  );
  expect(rule.ports).toMatchObject([{ l7: { family: "http" } }, { ports: [], l7: { family: "kafka" } }]);
});
