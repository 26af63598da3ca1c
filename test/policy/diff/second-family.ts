import type { Flow, Party } from "#policy/model/flow.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { EVERY, kubernetesPolicy, kubernetesRule, peerOf } from "#test/support/policy-objects.ts";
import type { RandomCluster } from "#test/support/random-policy.ts";
import type { Random } from "#test/support/random.ts";
import { PLACES, randomLabels } from "#test/support/random-vocabulary.ts";

/** A cluster whose parties have an address of the other family, too, with policies that tell the families apart. */
export function withSecondFamily(random: Random, cluster: RandomCluster): RandomCluster {
  const other = new Map(cluster.parties.map(({ address = "" }, i) => [address, otherAddress(cluster, i)]));
  const add = (addresses: readonly string[]): string[] => [
    ...addresses,
    ...addresses.flatMap((address) => other.get(address) ?? []),
  ];
  const objects = cluster.objects.map((object): PolicyObject =>
    "addresses" in object ? { ...object, addresses: add(object.addresses) } : object,
  );
  const turn = (party: Party): Party => ({ ...party, address: other.get(party.address ?? "") ?? "" });
  const flows = cluster.flows.map((flow): Flow => {
    if (random.chance(0.5)) return flow;
    const protocols = { ICMP: "ICMPv6", ICMPv6: "ICMP" } as const;
    const protocol = flow.protocol in protocols ? protocols[flow.protocol as "ICMP"] : flow.protocol;
    return { ...flow, source: turn(flow.source), destination: turn(flow.destination), protocol };
  });
  const blocks = cluster.family === 4 ? ["::/0", "fdaa::/64", "2001:db8::/32"] : ["0.0.0.0/0", "172.30.0.0/24"];
  const policies = random.list(0, 3, () => randomPolicy(random, [...blocks, ...blocks, ...hosts(other)]));
  return { ...cluster, objects: [...objects, ...policies.map((one, i) => ({ ...one, name: `family-${i}` }))], flows };
}

function otherAddress({ family, parties, pods }: RandomCluster, i: number): string {
  const isInside = i < pods.length || parties[i]?.reserved !== "world";
  const isWorld = !isInside || (i >= pods.length && parties[i]?.reserved === undefined);
  if (family === 4) return `${isWorld ? "2001:db8::" : "fdaa::"}${(i + 1).toString(16)}`;
  return `${isWorld ? "192.0.2." : "172.30.0."}${i + 1}`;
}

function hosts(addresses: ReadonlyMap<string, string>): string[] {
  return [...addresses.values()].map((address) => `${address}/${address.includes(":") ? 128 : 32}`);
}

function randomPolicy(random: Random, blocks: readonly string[]): ReturnType<typeof kubernetesPolicy> {
  const rules = random.list(0, 2, () =>
    kubernetesRule({
      peers: random.list(1, 2, () => peerOf({ ipBlock: { cidr: random.pick(blocks), except: [] } })),
      ports: random.chance(0.5) ? [] : [{ protocol: "TCP", port: random.pick([80, "http"]), endPort: null }],
    }),
  );
  const podSelector = random.chance(0.5) ? EVERY : { matchLabels: randomLabels(random), matchExpressions: [] };
  const direction = random.pick(["ingress", "egress"] as const);
  return kubernetesPolicy({ namespace: random.pick(PLACES), podSelector, [direction]: rules });
}
