import { beforeEach, describe, expect, test } from "vitest";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import { protocolNumbers } from "#policy/model/protocol.ts";
import { listed } from "#test/support/listed.ts";
import { Action, type Outcome } from "#test/support/datapath.ts";
import type { Transport } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { reasonOf, serverPolicy, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

const families = [
  ["IPv4", { source: "10.0.0.2", destination: "10.0.0.3" }],
  ["IPv6", { source: "fd00::2", destination: "fd00::3" }],
] as const;

const passes = (outcome: Outcome): void => expect(outcome.action).toBe(Action.redirect);
const denied = (outcome: Outcome): void =>
  expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, DropReason.POLICY_DENIED]);
const back = ({ source, destination }: { source: string; destination: string }) => ({
  source: destination,
  destination: source,
});

describe.each(families)("SCTP by %s", (_, ip) => {
  const sctp = (dport: number, sport = 40_000): Transport => ({ kind: "sctp", sport, dport });
  const to = (ports: string): string => serverPolicy(`[{ports: [${ports}]}]`);
  const closedClient = `
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: client, namespace: default}
spec: {podSelector: {matchLabels: {app: client}}, policyTypes: [Ingress]}`;

  test("is judged by its own ports, which are not those of TCP and UDP", async () => {
    using pods = await TwoPods.with(to("{port: 80, protocol: SCTP}, {port: 81}, {port: 82, protocol: UDP}"));
    passes(pods.toServer(sctp(80), ip));
    for (const port of [79, 81, 82]) denied(pods.toServer(sctp(port), ip));
    denied(pods.toServer({ kind: "tcp", sport: 1, dport: 80, flags: ["SYN"] }, ip));
    denied(pods.toServer({ kind: "udp", sport: 1, dport: 80 }, ip));
  });

  test("is judged by ranges of ports, and by all of the protocol", async () => {
    using pods = await TwoPods.with(to("{port: 2905, endPort: 3868, protocol: SCTP}"));
    for (const port of [2905, 3000, 3868]) passes(pods.toServer(sctp(port), ip));
    for (const port of [2904, 3869]) denied(pods.toServer(sctp(port), ip));
    await pods.setPolicy(to("{protocol: SCTP}"));
    for (const port of [1, 3869, 65_535]) passes(pods.toServer(sctp(port), ip));
    denied(pods.toServer({ kind: "tcp", sport: 1, dport: 3000, flags: ["SYN"] }, ip));
  });

  test("has connections: answers pass by them, and other packets that way do not", async () => {
    using pods = await TwoPods.with(to("{port: 80, protocol: SCTP}") + closedClient);
    denied(pods.toClient(sctp(40_000, 80), back(ip)));
    passes(pods.toServer(sctp(80), ip));
    passes(pods.toClient(sctp(40_000, 80), back(ip)));
    denied(pods.toClient(sctp(40_001, 80), back(ip)));
    await pods.setPolicy(serverPolicy("[]") + closedClient);
    denied(pods.toServer(sctp(80), ip));
    denied(pods.toClient(sctp(40_000, 80), back(ip)));
  });
});

describe.each(families)("a protocol without ports by %s", (family, ip) => {
  const packet = (protocol: number): Transport => ({ kind: "raw", protocol, payload: new Uint8Array(32) });
  const cilium = (rules: string): string => `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: server, namespace: default}
spec: {endpointSelector: {matchLabels: {app: server}}, ${rules}}`;
  // In IPv6 an authentication header is walked to what it guards, which is judged.
  const named = (["VRRP", "IGMP", "GRE", "IPIP", "ESP", "AH"] as const).filter(
    (name) => family === "IPv4" || name !== "AH",
  );

  test.each(named)("%s is judged by its number", async (name) => {
    using pods = await TwoPods.with(cilium(`ingress: [{toPorts: [{ports: [{protocol: ${name}}]}]}]`));
    for (const other of named) {
      const outcome = pods.toServer(packet(protocolNumbers[other]), ip);
      if (other === name) passes(outcome);
      else denied(outcome);
    }
    denied(pods.toServer({ kind: "udp", sport: 1, dport: 80 }, ip));
  });

  test("is denied by its number, beside an allow of everything", async () => {
    using pods = await TwoPods.with(
      cilium("ingress: [{fromEntities: [all]}], ingressDeny: [{toPorts: [{ports: [{protocol: GRE}]}]}]"),
    );
    expect(reasonOf(pods.toServer(packet(protocolNumbers.GRE), ip))).toBe(DropReason.POLICY_DENIED_BY_RULE);
    for (const protocol of [protocolNumbers.ESP, 253]) passes(pods.toServer(packet(protocol), ip));
  });

  test("that no rule can name passes by a rule without ports only", async () => {
    using pods = await TwoPods.with(serverPolicy("[{ports: [{port: 1, endPort: 65535}, {protocol: UDP}]}]"));
    for (const protocol of [33, 136, 253]) denied(pods.toServer(packet(protocol), ip));
    await pods.setPolicy(serverPolicy("[{from: [{podSelector: {matchLabels: {app: client}}}]}]"));
    for (const protocol of [33, 136, 253]) passes(pods.toServer(packet(protocol), ip));
  });

  test("has one connection for each pair of addresses, by which answers pass", async () => {
    using pods = await TwoPods.with(cilium("egress: [{toEntities: [none]}], ingress: [{fromEntities: [all]}]"));
    denied(pods.toClient(packet(253), back(ip)));
    passes(pods.toServer(packet(253), ip));
    passes(pods.toClient(packet(253), back(ip)));
    denied(pods.toClient(packet(254), back(ip)));
    expect(await listed(pods.datapath.kernel.connections)).toHaveLength(1);
  });
});
