import { describe, expect, test } from "vitest";
import type { NameMatch } from "#policy/model/l7.ts";
import { isName } from "#policy/oracle/names.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { ciliumPolicy, ciliumRule } from "#test/support/cilium-objects.ts";
import { clusterPolicy, clusterRule, pod, tcp } from "#test/support/policy-objects.ts";

const pattern = (text: string): NameMatch => ({ kind: "pattern", pattern: text });

test.each([
  ["*", "a.b.c", true],
  ["example.com", "example.com", true],
  ["example.com", "exampleXcom", false],
  ["*.example.com", "api.example.com", true],
  ["*.example.com", "a-_9.example.com", true],
  ["*.example.com", "example.com", false],
  ["*.example.com", "a.b.example.com", false],
  ["**.example.com", "a.example.com", true],
  ["**.example.com", "a.b.c.example.com", true],
  ["**.example.com", "example.com", false],
  ["**.example.com", "badexample.com", false],
  ["api-*.example.com", "api-.example.com", true],
  ["api-*.example.com", "api-1.example.com", true],
  ["a*b*.c", "axxbyy.c", true],
  ["a*b*.c", "axx.byy.c", false],
  ["*.*.com", "a.b.com", true],
  ["**.a*.com", "x.y.ab.com", true],
  ["*.com", "example.com.evil", false],
])("%s and %s: %s", (text, name, expected) => {
  expect(isName(pattern(text), name)).toBe(expected);
});

describe("names of a rule", () => {
  const self = pod("n/self", "10.0.0.9");
  const server = { address: "192.0.2.1", names: ["other.org", "api.example.com"] };
  const names: NameMatch[] = [{ kind: "name", name: "example.com" }, pattern("*.example.com")];
  const cilium = ciliumPolicy({ egress: [ciliumRule({ names })] });
  const cluster = clusterPolicy({ egress: [clusterRule("Deny", { peers: [{ kind: "names", names }] })] });

  test("mean addresses outside of the cluster that have one of them", () => {
    expect(judge([cilium], tcp(self, server)).egress.verdict).toBe("allow");
    expect(judge([cluster], tcp(self, server)).egress.verdict).toBe("deny");
    expect(judge([cilium], tcp(self, { ...server, names: ["other.org"] })).egress.verdict).toBe("deny");
    expect(judge([cilium], tcp(self, { address: "192.0.2.1" })).egress.verdict).toBe("deny");
  });

  test("never mean anybody inside, however blocks are taken", () => {
    for (const inside of [pod("n/x", "10.0.0.1"), { reserved: "remote-node", address: "10.0.0.2" }] as const) {
      const flow = tcp(self, { ...inside, names: ["example.com"] });
      expect(judge([cilium], flow, { cidrMatchesPods: true }).egress.verdict).toBe("deny");
    }
  });
});
