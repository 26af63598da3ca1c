import { beforeEach, expect, test } from "vitest";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import { Outsiders } from "#agent/endpoint/outsiders.ts";
import { PolicyEngine } from "#policy/compile/engine.ts";
import type { Flow, Party } from "#policy/model/flow.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { ruleName } from "#test/support/compiled-cluster.ts";
import { Action, Datapath, type Outcome } from "#test/support/datapath.ts";
import { makeEndpoint, makeEnforcement, MemoryClasses, type MemoryReferences } from "#test/support/enforcement.ts";
import { firstTransport } from "#test/support/first-transport.ts";
import { DATAPATH_OPTIONS, type RandomCluster, randomCluster } from "#test/support/random-policy.ts";
import { needs } from "#test/support/requirement.ts";
import { sized } from "#test/support/size.ts";

beforeEach(needs("root"));

/** What the packets made here can say: echo requests, parties of whom objects tell. */
function isPlain({ source, destination, protocol, port }: Flow): boolean {
  const isEcho = protocol === "ICMP" ? port === 8 : protocol !== "ICMPv6" || port === 128;
  const isTold = ({ reserved, nodeLabels }: Party): boolean => reserved !== "remote-node" || nodeLabels !== undefined;
  return isEcho && isTold(source) && isTold(destination);
}

/** What DNS servers have answered of who is in a flow. */
function learned({ source, destination }: Flow): Map<string, readonly string[]> {
  return new Map([source, destination].map(({ address, names }) => [address as string, names ?? []]));
}

function isAt(object: object, address: string): boolean {
  return "addresses" in object && (object.addresses as readonly string[]).includes(address);
}

const limitReasons = new Set<number>([DropReason.CONNECTION_LIMIT, DropReason.RATE_LIMITED]);

/** Whether an end lets a connection pass as long as there is no proxy. */
function passesAlone({ verdict, isPlain }: ReturnType<typeof judge>["egress"]): boolean {
  return verdict === "allow" || isPlain === true;
}

/**
 * What the kernel says of the end that drops a packet; the source's end is looked at first. What is for the proxy
 * is dropped as well: there is none. But what a rule allows without asking anything of requests passes without it.
 */
function reasonOf({ egress, ingress }: ReturnType<typeof judge>, { protocol }: Flow): number {
  const dropping = [egress, ingress].find(({ verdict }) => verdict === "deny");
  const hasProxy = protocol === "TCP" || protocol === "UDP";
  if (!dropping && [egress, ingress].some((end) => !passesAlone(end))) {
    return hasProxy ? DropReason.PROXY_LOOKUP_FAILED : DropReason.PROXY_UNKNOWN_PROTOCOL;
  }
  if (!dropping) return DropReason.NONE;
  const isByRule = egress.rules.length + ingress.rules.length > 0 && dropping.rules.length > 0;
  return isByRule ? DropReason.POLICY_DENIED_BY_RULE : DropReason.POLICY_DENIED;
}

/** Puts a random cluster into the real kernel and sends each flow's first packet through the real programs. */
async function compare(datapath: Datapath, cluster: RandomCluster, references: MemoryReferences): Promise<number> {
  // No rule has ended, neither for the oracle nor for the kernel.
  const boot = (instant: number): bigint => BigInt(instant) + (1n << 62n);
  const { enforcement } = makeEnforcement(datapath.kernel, references, new MemoryClasses(), boot);
  const endpoints = cluster.pods.map(({ subject, identity, address }, i) => ({
    ...makeEndpoint(i + 1, subject, identity),
    ifindex: 1000 + i,
    ipv4: address.includes(":") ? null : address,
    ipv6: address.includes(":") ? address : null,
  }));
  for (const endpoint of endpoints) await enforcement.add(endpoint);
  enforcement.setNodeAddresses([cluster.nodeAddress]);
  const own = cluster.objects.find(({ kind, ...object }) => kind === "Node" && isAt(object, cluster.nodeAddress));
  const outsiders = new Outsiders(new MemoryClasses((2 << 24) + 1), own?.name ?? "n1").plan(cluster.objects);
  await enforcement.replacePolicy(new PolicyEngine(cluster.objects), { always: true, outsiders });
  const at = ({ subject, address }: Party) =>
    subject ? endpoints.find(({ ipv4, ipv6 }) => ipv4 === address || ipv6 === address) : undefined;

  let compared = 0;
  for (const [i, flow] of cluster.flows.entries()) {
    if (!isPlain(flow)) continue;
    expect(await enforcement.setNames(learned(flow))).toEqual(new Set());
    const from = at(flow.source);
    const to = at(flow.destination);
    const ip = {
      source: flow.source.address as string,
      destination: flow.destination.address as string,
      transport: firstTransport(flow, 20_000 + i),
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
    const isAllowed = passesAlone(expected.egress) && passesAlone(expected.ingress);
    const where = `seed ${cluster.seed}, flow ${i}: ${JSON.stringify(flow)}`;
    expect(outcome.events, where).toHaveLength(1);
    const [event] = outcome.events;
    // A rule that allows it may have as many connections of other flows already as it may have.
    const isLimited = isAllowed && limitReasons.has(event?.reason ?? 0);
    const passes = from && to ? Action.redirect : Action.next;
    const reason = reasonOf(expected, flow);
    // Of a connection that nobody proxies the sender is told by a RST.
    const isReset = reason === DropReason.PROXY_LOOKUP_FAILED && flow.protocol === "TCP";
    const dropped = isReset && !limitReasons.has(event?.reason ?? 0) ? Action.redirect : Action.drop;
    expect(outcome.action, where).toBe(isAllowed && !isLimited ? passes : dropped);
    if (!isLimited && !(isReset && limitReasons.has(event?.reason ?? 0))) expect(event?.reason, where).toBe(reason);
    const rulesOf = (end: 0 | 1): string[] => {
      const rules = (event?.end[end].rules ?? []).flatMap((reference) => references.rules[reference] ?? []);
      const names = rules.map(({ description }) => ruleName(description));
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

test("so it does in all languages together, with tiers, passes and redirects", async () => {
  using datapath = new Datapath();
  const { references } = makeEnforcement(datapath.kernel);
  const options = {
    flows: 30,
    protocols: ["TCP", "UDP", "SCTP", "ICMP"] as const,
    reserved: ["remote-node"] as const,
    hostPolicies: false,
    namedPortsOfBlocks: false,
  };
  let compared = 0;
  for (let seed = 1; seed <= sized({ short: 50, long: 2_000 }); seed++) {
    compared += await compare(datapath, randomCluster(seed, options), references);
  }
  expect(compared).toBeGreaterThanOrEqual(sized({ short: 600, long: 24_000 }));
}, 900_000);

test("the kernel decides random flows as the oracle does, and names the same rules", async () => {
  using datapath = new Datapath();
  const { references } = makeEnforcement(datapath.kernel);
  const clusters = sized({ short: 60, long: 5_000 });
  let compared = 0;
  for (let seed = 1; seed <= clusters; seed++) {
    compared += await compare(datapath, randomCluster(seed, { ...DATAPATH_OPTIONS, flows: 20 }), references);
  }
  expect(compared).toBeGreaterThanOrEqual(sized({ short: 780, long: 80_000 }));
}, 900_000);
