import { parse, stringify } from "yaml";
import { type NetworkPolicyCase, podAddress, type Step } from "./network-policy-cases.ts";
import type { ReachabilityStep } from "./reachability.ts";
import type { World } from "./reachability-world.ts";

interface Block {
  readonly cidr: string;
  readonly except?: readonly string[];
}
type Peer = { readonly ipBlock?: Block } & object;

/** A step of a case for the pods as they are. */
export function toReachabilityStep(one: NetworkPolicyCase, step: Step, world: World): ReachabilityStep {
  const policies = step.policies.map(({ namespace, spec }, i) =>
    stringify({
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: `policy-${i}`, namespace },
      spec: withRealBlocks(spec, one.pods, world),
    }),
  );
  return {
    policies,
    ...(step.labels && { labels: step.labels }),
    isBlocked: ({ from, to, protocol, port }) => {
      const isOfCase = one.pods.includes(from) && one.pods.includes(to) && one.ports.includes(port);
      if (!isOfCase || protocol === "ICMP" || !one.protocols.includes(protocol)) return undefined;
      return step.blocked({ from, to, protocol, port });
    },
  };
}

function withRealBlocks(spec: string, pods: readonly string[], world: World): unknown {
  const toPeers = (peers: readonly Peer[]): Peer[] =>
    peers.flatMap((peer) => (peer.ipBlock ? realBlocks(peer.ipBlock, pods, world) : [peer]));
  return JSON.parse(JSON.stringify(parse(spec)), (key, value: unknown) =>
    key === "from" || key === "to" ? toPeers(value as Peer[]) : value,
  );
}

/** The block with the addresses that the pods have, and the same for IPv6. What is no pod's is around all of them. */
function realBlocks({ cidr, except }: Block, pods: readonly string[], world: World): Peer[] {
  return (["ipv4", "ipv6"] as const).map((family) => {
    const real = (text: string): string => {
      const index = pods.findIndex((_, i) => text === `${podAddress(i)}/32`);
      const pod = world.get(pods[index] ?? "");
      if (!pod) return family === "ipv4" ? text : "fc00::/7";
      return family === "ipv4" ? `${pod.ipv4}/32` : `${pod.ipv6}/128`;
    };
    return { ipBlock: { cidr: real(cidr), ...(except && { except: except.map(real) }) } };
  });
}
