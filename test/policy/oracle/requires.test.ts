import { describe, expect, test } from "vitest";
import type { CiliumRule } from "#policy/model/cilium-object.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { ciliumPolicy, ciliumRule, clusterwidePolicy, onPort, portItem } from "#test/support/cilium-objects.ts";
import {
  EVERY,
  HOST,
  WORLD,
  kubernetesPolicy,
  kubernetesRule,
  labelled,
  pod,
  peerOf,
  tcp,
} from "#test/support/policy-objects.ts";

const server = pod("n/server", "10.0.0.9");
const both = pod("n/both", "10.0.0.1", { labels: { team: "a", role: "client" } });
const onlyClient = pod("n/client", "10.0.0.2", { labels: { role: "client" } });
const onlyTeam = pod("n/team", "10.0.0.3", { labels: { team: "a" } });

const allow = ciliumRule({ endpoints: [labelled({ role: "client" })] });
const require = ciliumRule({ requires: [labelled({ team: "a" })] });
const together = { ...allow, ...require, endpoints: allow.endpoints };

function reaches(from: typeof both, ...ingress: CiliumRule[]): string {
  return judge([ciliumPolicy({ ingress })], tcp(from, server)).ingress.verdict;
}

describe("an allow and a requirement", () => {
  test.each([
    ["an allow alone", [allow], both, "allow"],
    ["a requirement alone allows nothing", [require], both, "deny"],
    ["both, for whoever meets both", [allow, require], both, "allow"],
    ["both, for whoever only the allow means", [allow, require], onlyClient, "deny"],
    ["both, for whoever only meets the requirement", [allow, require], onlyTeam, "deny"],
    ["both in one rule", [together], onlyClient, "deny"],
  ] as const)("%s", (_, rules, from, expected) => {
    expect(reaches(from, ...rules)).toBe(expected);
  });
});

describe("a requirement", () => {
  const verdict = (from: Parameters<typeof tcp>[0], ...objects: PolicyObject[]): string =>
    judge(objects, tcp(from, server)).ingress.verdict;
  const requiring = ciliumPolicy({ ingress: [require] }, { name: "r" });

  test("counts with those of all policies that select the pod in the direction", () => {
    const allowing = ciliumPolicy({ ingress: [allow] });
    expect(verdict(onlyClient, allowing, requiring)).toBe("deny");
    expect(verdict(both, allowing, requiring)).toBe("allow");
    expect(
      verdict(both, allowing, requiring, ciliumPolicy({ ingress: [ciliumRule({ requires: [labelled({ x: "" })] })] })),
    ).toBe("deny");
    const ofOthers = ciliumPolicy({ endpoints: labelled({ app: "other" }), ingress: [require] });
    expect(verdict(onlyClient, allowing, ofOthers)).toBe("allow");
    expect(verdict(onlyClient, allowing, ciliumPolicy({ egress: [require] }))).toBe("allow");
  });

  test("means its policy's own namespace, as endpoints do", () => {
    const abroad = pod("m/both", "10.0.0.4", { labels: { team: "a", role: "client" } });
    const everywhere = clusterwidePolicy({ ingress: [allow] });
    expect(verdict(abroad, everywhere)).toBe("allow");
    expect(verdict(abroad, everywhere, requiring)).toBe("deny");
    expect(verdict(abroad, everywhere, clusterwidePolicy({ ingress: [require] }))).toBe("allow");
  });

  test("narrows endpoints only: not other peers, reserved parties, ports, or NetworkPolicy", () => {
    const peers = (more: Partial<CiliumRule>): PolicyObject => ciliumPolicy({ ingress: [ciliumRule(more)] });
    expect(verdict(onlyClient, requiring, peers({ entities: ["cluster"] }))).toBe("allow");
    expect(verdict(onlyClient, requiring, peers({ ports: [portItem([onPort(80)])] }))).toBe("allow");
    expect(verdict(WORLD, requiring, peers({ endpoints: [labelled({ "reserved:world": "" })] }))).toBe("allow");
    const ingress = [kubernetesRule({ peers: [peerOf({ podSelector: EVERY })] })];
    expect(verdict(onlyClient, requiring, kubernetesPolicy({ ingress }))).toBe("allow");
  });

  test("narrows no deny", () => {
    const ingressDeny = [ciliumRule({ endpoints: [EVERY] })];
    expect(judge([requiring, ciliumPolicy({ ingressDeny })], tcp(onlyClient, server)).ingress.rules).toHaveLength(1);
  });

  test("that no pod can meet lets no endpoint through", () => {
    const impossible = ciliumPolicy({
      ingress: [allow, ciliumRule({ requires: [labelled({ "reserved:host": "" })] })],
    });
    expect(verdict(both, impossible)).toBe("deny");
  });

  test("in a rule with ports and no peers leaves that rule for any peer", () => {
    expect(reaches(onlyClient, { ...require, ports: [portItem([onPort(80)])] })).toBe("allow");
  });

  test("on egress is about destinations", () => {
    const egress = [ciliumRule({ endpoints: [EVERY] }), require];
    const say = (to: Parameters<typeof tcp>[1]): string =>
      judge([ciliumPolicy({ egress })], tcp(server, to)).egress.verdict;
    expect([say(both), say(onlyClient), say(HOST)]).toEqual(["allow", "deny", "deny"]);
  });
});
