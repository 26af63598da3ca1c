import { beforeEach, expect, test } from "vitest";
import { PolicyEngine } from "#policy/compile/engine.ts";
import type { Flow, Party } from "#policy/model/flow.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { Action, Datapath, type Outcome } from "#test/support/datapath.ts";
import { makeEndpoint, makeEnforcement, type MemoryReferences } from "#test/support/enforcement.ts";
import type { Transport } from "#test/support/packet.ts";
import { type RandomCluster, randomCluster } from "#test/support/random-policy.ts";
import { needs } from "#test/support/requirement.ts";
import { sized } from "#test/support/size.ts";

beforeEach(needs("root"));

function transport({ protocol, port }: Flow, sport: number): Transport {
  switch (protocol) {
    case "TCP":
      return { kind: "tcp", sport, dport: port, flags: ["SYN"] };
    case "UDP":
      return { kind: "udp", sport, dport: port };
    case "SCTP":
      return { kind: "sctp", sport, dport: port };
    case "ICMP":
      return { kind: "icmp", type: 8, id: sport };
    case "ICMPv6":
      return { kind: "icmp", type: 128, id: sport };
  }
}

/** Puts a random cluster into the real kernel and sends each flow's first packet through the real programs. */
async function compare(datapath: Datapath, cluster: RandomCluster, references: MemoryReferences): Promise<number> {
  const { enforcement } = makeEnforcement(datapath.kernel, references);
  const endpoints = cluster.pods.map(({ subject, identity, address }, i) => ({
    ...makeEndpoint(i + 1, subject, identity),
    ifindex: 1000 + i,
    ipv4: address.includes(":") ? null : address,
    ipv6: address.includes(":") ? address : null,
  }));
  for (const endpoint of endpoints) await enforcement.add(endpoint);
  enforcement.setNodeAddresses([cluster.nodeAddress]);
  await enforcement.replacePolicy(new PolicyEngine(cluster.objects), { always: true });
  const at = ({ subject, address }: Party) =>
    subject ? endpoints.find(({ ipv4, ipv6 }) => ipv4 === address || ipv6 === address) : undefined;

  let compared = 0;
  for (const [i, flow] of cluster.flows.entries()) {
    const from = at(flow.source);
    const to = at(flow.destination);
    const ip = {
      source: flow.source.address as string,
      destination: flow.destination.address as string,
      transport: transport(flow, 20_000 + i),
    };
    let outcome: Outcome;
    if (from) {
      outcome = datapath.send(from, datapath.packet(from, ip));
    } else if (to) {
      const frame = datapath.packet(to, ip);
      outcome = datapath.receive(to, frame, { ingressIfindex: flow.source.reserved === "host" ? 0 : 1 });
    } else {
      continue;
    }
    const expected = judge(cluster.objects, flow);
    const isAllowed = expected.egress.verdict === "allow" && expected.ingress.verdict === "allow";
    const where = `seed ${cluster.seed}, flow ${i}: ${JSON.stringify(flow)}`;
    expect(outcome.action, where).toBe(isAllowed ? (from && to ? Action.redirect : Action.next) : Action.drop);
    expect(outcome.events, where).toHaveLength(1);
    const [event] = outcome.events;
    const rulesOf = (end: 0 | 1): string[] => {
      const rules = (event?.end[end].rules ?? []).flatMap((reference) => references.rules[reference] ?? []);
      const names = rules.map(({ description: { namespace, name, rule } }) => `${namespace}/${name} ${rule}`);
      return [...new Set(names)].sort();
    };
    expect(rulesOf(0), where).toEqual(from ? expected.egress.rules : []);
    expect(rulesOf(1), where).toEqual(to ? expected.ingress.rules : []);
    compared++;
  }
  for (const { id } of endpoints) enforcement.remove(id);
  await datapath.kernel.connections.removeAddresses(cluster.pods.map(({ address }) => address));
  await enforcement.replacePolicy(new PolicyEngine([]), { always: true });
  await enforcement.collect();
  return compared;
}

test("the kernel decides random flows as the oracle does, and names the same rules", async () => {
  using datapath = new Datapath();
  const { references } = makeEnforcement(datapath.kernel);
  const clusters = sized({ short: 125, long: 5_000 });
  let compared = 0;
  for (let seed = 1; seed <= clusters; seed++) {
    compared += await compare(datapath, randomCluster(seed, { flows: 20 }), references);
  }
  expect(compared).toBeGreaterThanOrEqual(sized({ short: 2_000, long: 80_000 }));
}, 900_000);
