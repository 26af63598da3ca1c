/** Scenarios that send one thing each, and expect a verdict with its rules. */
import { type Attempt, attempt } from "./attempt.ts";
import {
  ciliumPolicy,
  clusterPolicy,
  labelled,
  neighbourLabels,
  networkPolicy,
  ownPods,
  pods,
  ports,
  remoteNode,
} from "./objects.ts";
import type { Group, Scenario } from "./scenario.ts";
import { allowedBy, deniedBy, deniedByDefault, dropped } from "./verdict-text.ts";

type Ends = readonly [Attempt["from"], Attempt["to"]];

/** By IPv4 and by IPv6. */
function both(
  [from, to]: Ends,
  protocol: Attempt["protocol"],
  port: number,
  expected: string,
  more: Partial<Attempt> = {},
): Scenario[] {
  return [4, 6].map((family) => attempt({ from, to, protocol, port, family: family as 4 | 6, ...more }, expected));
}

function one(...[ends, protocol, port, expected, more]: Parameters<typeof both>): Scenario {
  const [from, to] = ends;
  return attempt({ from, to, protocol, port, family: 4, ...more }, expected);
}

const open = allowedBy();

/** A port where nobody listens. */
const unserved = 7;

const noPolicy: Group = {
  name: "no-policy",
  objects: () => [],
  scenarios: [
    ...both(["client", "server"], "TCP", 80, open),
    ...both(["client", "server"], "UDP", 53, open),
    ...both(["client", "server"], "SCTP", 9000, open),
    ...both(["client", "server"], "ICMP", 0, open),
    ...both(["client", "server"], "TCP", unserved, `refused, ${open}`),
    ...both(["client", "server"], "UDP", unserved, `refused, ${open}`),
    ...both(["client", "peer"], "TCP", 80, open),
    ...both(["client", "client"], "TCP", 80, "answered within the pod"),
    ...both(["client", "node"], "TCP", 61_080, open),
    ...both(["client", "node"], "UDP", 61_080, open),
    ...both(["client", "node"], "ICMP", 0, open),
    ...both(["node", "server"], "TCP", 80, open),
    ...both(["node", "server"], "UDP", 53, open),
    ...both(["client", "outside"], "TCP", 80, open),
    ...both(["client", "outside"], "UDP", 53, open),
    ...both(["client", "outside"], "ICMP", 0, open),
    ...both(["outside", "server"], "TCP", 80, open),
    ...both(["outside", "server"], "UDP", 53, open),
    ...both(["outside", "server"], "ICMP", 0, open),
  ],
};

/** No rule of the policy for these pods. */
const noIngress = (app: string, kind = "NetworkPolicy"): string => deniedByDefault("ingress", `${kind} ${app}`);
const noEgress = (app: string, kind = "NetworkPolicy"): string => deniedByDefault("egress", `${kind} ${app}`);

const defaultDenyIngress: Group = {
  name: "default-deny-ingress",
  objects: (names) => [networkPolicy(names, "server", { ingress: [] })],
  scenarios: [
    ...both(["client", "server"], "TCP", 80, noIngress("server")),
    ...both(["client", "server"], "UDP", 53, noIngress("server")),
    ...both(["client", "server"], "SCTP", 9000, noIngress("server")),
    ...both(["client", "server"], "ICMP", 0, noIngress("server")),
    ...both(["client", "server"], "TCP", 80, noIngress("server"), { isBareAck: true }),
    one(["peer", "server"], "TCP", 80, noIngress("server")),
    ...both(["outside", "server"], "TCP", 80, noIngress("server")),
    // What runs on a node reaches its pods.
    ...both(["node", "server"], "TCP", 80, open),
    // Answers come in, though nothing else does.
    ...both(["server", "client"], "TCP", 80, open),
    one(["server", "outside"], "TCP", 80, open),
    one(["client", "second"], "TCP", 80, open),
  ],
};

const defaultDenyEgress: Group = {
  name: "default-deny-egress",
  objects: (names) => [networkPolicy(names, "client", { egress: [] })],
  scenarios: [
    ...both(["client", "server"], "TCP", 80, noEgress("client")),
    ...both(["client", "server"], "UDP", 53, noEgress("client")),
    ...both(["client", "server"], "ICMP", 0, noEgress("client")),
    ...both(["client", "outside"], "TCP", 80, noEgress("client")),
    ...both(["client", "node"], "TCP", 61_080, noEgress("client")),
    // Its answers go out, though nothing else does.
    ...both(["server", "client"], "TCP", 80, open),
    one(["other", "server"], "TCP", 80, open),
  ],
};

const selectors: Group = {
  name: "selectors",
  objects: (names) => [
    networkPolicy(names, "server", {
      ingress: [
        { from: [pods("client")], ports: [{ protocol: "TCP", port: 80 }] },
        { from: [{ namespaceSelector: { matchLabels: neighbourLabels } }], ports: [{ protocol: "TCP", port: 81 }] },
        {
          from: [
            {
              podSelector: {
                matchExpressions: [{ key: "app", operator: "NotIn", values: ["client", "other", "peer"] }],
              },
            },
          ],
        },
      ],
    }),
  ],
  scenarios: [
    ...both(["client", "server"], "TCP", 80, allowedBy("NetworkPolicy server ingress[0]")),
    one(["client", "server"], "TCP", 81, noIngress("server")),
    one(["client", "server"], "UDP", 80, noIngress("server")),
    ...both(["other", "server"], "TCP", 80, noIngress("server")),
    ...both(["peer", "server"], "TCP", 81, allowedBy("NetworkPolicy server ingress[1]")),
    one(["peer", "server"], "TCP", 80, noIngress("server")),
    one(["second", "server"], "TCP", 8080, allowedBy("NetworkPolicy server ingress[2]")),
    one(["outside", "server"], "TCP", 80, noIngress("server")),
  ],
};

const blocks: Group = {
  name: "blocks",
  objects: (names) => {
    const blocksBut = ([4, 6] as const).map((family) => {
      const except = [`${names.remote[family]}/${family === 4 ? 32 : 128}`];
      return { ipBlock: { cidr: names.block[family], except } };
    });
    return [
      networkPolicy(names, "client", { egress: [{ to: blocksBut }] }),
      networkPolicy(names, "server", { ingress: [{ from: blocksBut, ports: [{ protocol: "TCP", port: 80 }] }] }),
    ];
  },
  scenarios: [
    ...both(["client", "outside"], "TCP", 80, allowedBy("NetworkPolicy client egress[0]")),
    ...both(["client", "remote"], "TCP", 80, noEgress("client")),
    ...both(["client", "server"], "TCP", 80, noEgress("client")),
    ...both(["outside", "server"], "TCP", 80, allowedBy("NetworkPolicy server ingress[0]")),
    one(["outside", "server"], "TCP", 81, noIngress("server")),
    one(["other", "server"], "TCP", 80, noIngress("server")),
  ],
};

const portRules: Group = {
  name: "ports",
  objects: (names) => [
    networkPolicy(names, "server", {
      ingress: [
        { ports: [{ protocol: "TCP", port: 80 }] },
        { ports: [{ protocol: "TCP", port: 8000, endPort: 8010 }] },
        { ports: [{ protocol: "UDP", port: 53 }] },
        { ports: [{ protocol: "TCP", port: "web" }] },
      ],
    }),
    networkPolicy(names, "second", { ingress: [{ ports: [{ protocol: "TCP", port: "web" }] }] }),
  ],
  scenarios: [
    ...both(["client", "server"], "TCP", 80, allowedBy("NetworkPolicy server ingress[0]")),
    one(["client", "server"], "TCP", 81, noIngress("server")),
    one(["client", "server"], "TCP", 8000, allowedBy("NetworkPolicy server ingress[1]")),
    ...both(["client", "server"], "TCP", 8010, allowedBy("NetworkPolicy server ingress[1]")),
    ...both(["client", "server"], "TCP", 8011, noIngress("server")),
    ...both(["client", "server"], "UDP", 53, allowedBy("NetworkPolicy server ingress[2]")),
    one(["client", "server"], "UDP", 80, noIngress("server")),
    // One name, of each pod another number.
    ...both(["client", "server"], "TCP", 8080, allowedBy("NetworkPolicy server ingress[3]")),
    one(["client", "server"], "TCP", 9090, noIngress("server")),
    ...both(["client", "second"], "TCP", 9090, allowedBy("NetworkPolicy second ingress[0]")),
    one(["client", "second"], "TCP", 8080, noIngress("second")),
    one(["client", "server"], "ICMP", 0, noIngress("server")),
  ],
};

const echoes = [
  { type: 8, family: "IPv4" },
  { type: 128, family: "IPv6" },
];

const cilium: Group = {
  name: "cilium",
  objects: (names) => [
    remoteNode(names),
    ciliumPolicy(names, "server", {
      ingress: [
        { fromEntities: ["world"], toPorts: ports("TCP", 80) },
        { fromEndpoints: [labelled("client")], icmps: [{ fields: echoes }] },
        { fromEndpoints: [{}], toPorts: ports("TCP", 8000, 8010) },
      ],
      ingressDeny: [{ fromEndpoints: [labelled("other")] }],
    }),
    ciliumPolicy(names, "second", {
      egress: [
        { toEntities: ["host"] },
        { toEntities: ["world"], toPorts: ports("TCP", 80) },
        { toEntities: ["remote-node"], toPorts: ports("TCP", 81) },
      ],
      egressDeny: [{ toCIDR: [`${names.outside[6]}/128`] }],
    }),
  ],
  scenarios: [
    ...both(["outside", "server"], "TCP", 80, allowedBy("CiliumNetworkPolicy server ingress[0]")),
    one(["outside", "server"], "TCP", 81, noIngress("server", "CiliumNetworkPolicy")),
    one(["client", "server"], "TCP", 80, noIngress("server", "CiliumNetworkPolicy")),
    ...both(["client", "server"], "ICMP", 0, allowedBy("CiliumNetworkPolicy server ingress[1]")),
    one(["peer", "server"], "ICMP", 0, noIngress("server", "CiliumNetworkPolicy")),
    ...both(["client", "server"], "TCP", 8005, allowedBy("CiliumNetworkPolicy server ingress[2]")),
    one(["client", "server"], "TCP", 8011, noIngress("server", "CiliumNetworkPolicy")),
    one(["peer", "server"], "TCP", 8005, noIngress("server", "CiliumNetworkPolicy")),
    ...both(["other", "server"], "TCP", 8005, deniedBy("CiliumNetworkPolicy server ingressDeny[0]")),
    ...both(["second", "node"], "TCP", 61_080, allowedBy("CiliumNetworkPolicy second egress[0]")),
    one(["second", "outside"], "TCP", 80, allowedBy("CiliumNetworkPolicy second egress[1]")),
    one(["second", "outside"], "TCP", 81, noEgress("second", "CiliumNetworkPolicy")),
    one(["second", "outside"], "TCP", 80, deniedBy("CiliumNetworkPolicy second egressDeny[0]"), { family: 6 }),
    ...both(["second", "remote"], "TCP", 81, allowedBy("CiliumNetworkPolicy second egress[2]")),
    one(["second", "remote"], "TCP", 80, noEgress("second", "CiliumNetworkPolicy")),
    one(["second", "client"], "TCP", 80, noEgress("second", "CiliumNetworkPolicy")),
  ],
};

const tcp = (number: number): object[] => [{ tcp: { destinationPort: { number } } }];

const tiers: Group = {
  name: "tiers",
  objects: (names) => {
    const [client, other, second] = ["client", "other", "second"].map((app) => ownPods(names, app));
    return [
      networkPolicy(names, "server", { ingress: [{ from: [pods("client"), pods("second")] }] }),
      clusterPolicy(
        names,
        { name: "first", tier: "Admin", priority: 911, app: "server" },
        {
          ingress: [
            { action: "Deny", from: [client], protocols: tcp(81) },
            { action: "Pass", from: [second], protocols: tcp(80) },
          ],
        },
      ),
      clusterPolicy(
        names,
        { name: "later", tier: "Admin", priority: 912, app: "server" },
        {
          ingress: [
            { action: "Deny", from: [second] },
            { action: "Accept", from: [other], protocols: tcp(80) },
            { action: "Accept", from: [client], protocols: tcp(81) },
          ],
        },
      ),
      clusterPolicy(
        names,
        { name: "outgoing", tier: "Admin", priority: 913, app: "client" },
        { egress: [{ action: "Deny", to: [{ networks: [names.block[4], names.block[6]] }] }] },
      ),
      clusterPolicy(
        names,
        { name: "base", tier: "Baseline", priority: 914, app: "second" },
        { ingress: [{ action: "Deny", from: [other] }] },
      ),
    ];
  },
  scenarios: [
    ...both(["client", "server"], "TCP", 80, allowedBy("NetworkPolicy server ingress[0]")),
    ...both(["client", "server"], "TCP", 81, deniedBy("ClusterNetworkPolicy first ingress[0]")),
    ...both(["other", "server"], "TCP", 80, allowedBy("ClusterNetworkPolicy later ingress[1]")),
    one(["other", "server"], "TCP", 81, noIngress("server")),
    ...both(["second", "server"], "TCP", 80, allowedBy("NetworkPolicy server ingress[0]")),
    one(["second", "server"], "TCP", 81, deniedBy("ClusterNetworkPolicy later ingress[0]")),
    ...both(["client", "outside"], "TCP", 80, deniedBy("ClusterNetworkPolicy outgoing egress[0]")),
    ...both(["other", "second"], "TCP", 80, deniedBy("ClusterNetworkPolicy base ingress[0]")),
    one(["client", "second"], "TCP", 80, open),
  ],
};

const spoofing: Group = {
  name: "spoofing",
  objects: () => [],
  scenarios: [
    ...both(["other", "server"], "UDP", 53, dropped("INVALID_SOURCE_IP"), { as: "client" }),
    ...both(["other", "server"], "UDP", 53, dropped("INVALID_SOURCE_IP"), { as: "node" }),
    ...both(["other", "server"], "UDP", 53, dropped("INVALID_SOURCE_IP"), { as: "outside" }),
  ],
};

export const attemptGroups: readonly Group[] = [
  noPolicy,
  defaultDenyIngress,
  defaultDenyEgress,
  selectors,
  blocks,
  portRules,
  cilium,
  tiers,
  spoofing,
];
