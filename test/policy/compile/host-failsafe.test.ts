import { expect, test } from "vitest";
import { agentOptions } from "#agent/runtime/agent-options.ts";
import { DEFAULT_HOST_FAILSAFE, type HostFailsafe } from "#policy/model/failsafe.ts";
import type { Party } from "#policy/model/flow.ts";
import { Judges, unanimous } from "#test/support/judges.ts";
import { hostPolicy } from "#test/support/object-text.ts";
import { objectsOf } from "#test/support/two-pods.ts";

const host: Party = { reserved: "host", nodeLabels: {}, address: "10.0.0.1" };
const world: Party = { reserved: "world", address: "192.0.2.7" };
const hostFailsafe: HostFailsafe = {
  inbound: [{ protocol: "TCP", first: 22, last: 22 }],
  outbound: [{ protocol: "UDP", first: 53, last: 54 }],
};
const denyAll = hostPolicy({ ingressDeny: [{ fromEntities: ["all"] }], egressDeny: [{ toEntities: ["all"] }] });
const free = { verdict: "allow", rules: [] } as const;
const deny = (rule: string) => ({ verdict: "deny", rules: [`CiliumClusterwideNetworkPolicy /host ${rule}`] }) as const;
const spared = (rule: string) => ({ verdict: "allow", rules: [`Failsafe /host ${rule}`] }) as const;

const judges = (text: string, options = {}): Judges =>
  new Judges(objectsOf(text), [host, world], { hostFailsafe, ...options });
const inbound = (port: number) => ({ source: world, destination: host, protocol: "TCP", port }) as const;
const outbound = (port: number) => ({ source: host, destination: world, protocol: "UDP", port }) as const;

test("it goes before every denial of policies about nodes, and is named", () => {
  const all = judges(denyAll);
  expect(all.judge(inbound(22))).toEqual(unanimous({ egress: free, ingress: spared("inbound tcp:22") }));
  expect(all.judge(inbound(23))).toEqual(unanimous({ egress: free, ingress: deny("ingressDeny[0]") }));
  expect(all.judge(outbound(54))).toEqual(unanimous({ egress: spared("outbound udp:53-54"), ingress: free }));
  expect(all.judge(outbound(22))).toEqual(unanimous({ egress: deny("egressDeny[0]"), ingress: free }));
});

test("where no policy in force selects the node, it says nothing", () => {
  for (const all of [judges(""), judges(denyAll, { audit: true }), judges(denyAll, { enforcement: "never" })]) {
    expect(all.judge(inbound(22))).toEqual(unanimous({ egress: free, ingress: free }));
  }
});

test("it is never what a denial should have been", () => {
  const { evaluated } = judges(hostPolicy({ ingress: [{}] })).judge(inbound(80));
  expect(evaluated.ingress.verdict).toBe("deny");
});

test("the agent's defaults are those of questions without an agent", () => {
  const { hostFailsafeInbound, hostFailsafeOutbound } = agentOptions;
  expect({
    inbound: hostFailsafeInbound.schema.parse(hostFailsafeInbound.default),
    outbound: hostFailsafeOutbound.schema.parse(hostFailsafeOutbound.default),
  }).toEqual(DEFAULT_HOST_FAILSAFE);
});
