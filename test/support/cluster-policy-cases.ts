import { PROTOCOLS, type Protocol } from "#policy/model/protocol.ts";
import type { Direction } from "#policy/model/rule.ts";
import {
  type ClusterPolicyCase,
  type ClusterPolicyStep,
  type Tier,
  clusterCase,
  editPolicy,
  inside,
  labelledPods,
  probe,
  swapRules,
} from "./cluster-policy-case.ts";
import type { ClusterPolicyText, ClusterPortText, ClusterRuleText } from "./cluster-policy-text.ts";
import { NODE, SERVED, addressOf } from "./cluster-policy-world.ts";

const TIERS: readonly Tier[] = ["Admin", "Baseline"];
const DIRECTIONS: readonly Direction[] = ["ingress", "egress"];
const DENY_SOUTH = { Admin: 3, Baseline: 2 } as const;
const ACCEPT_WEST = { Admin: 5, Baseline: 3 } as const;

/**
 * `north` and `east`: all of the actions in turn, so that the first one decides. `south`: closed at some ports.
 * `west`: open at some ports only. Baseline has nothing to pass on to.
 */
function orderedRules(tier: Tier, ports: readonly ClusterPortText[]): ClusterRuleText[] {
  const rules: ClusterRuleText[] = [
    { action: "Accept", peers: [inside("east")] },
    { action: "Deny", peers: [inside("east")] },
    { action: "Pass", peers: [inside("east")] },
    { action: "Deny", peers: [inside("south")], ports },
    { action: "Pass", peers: [inside("south")], ports },
    { action: "Accept", peers: [inside("west")], ports },
    { action: "Deny", peers: [inside("west")] },
  ];
  return tier === "Admin" ? rules : rules.filter(({ action }) => action !== "Pass");
}

/** What the ordered rules let through as their order changes, in each of the directions by each of the protocols. */
function orderedSteps(
  tier: Tier,
  directions: readonly Direction[],
  protocols: readonly Protocol[],
): ClusterPolicyStep[] {
  const probes = (of: (direction: Direction, protocol: Protocol) => string): string[] =>
    directions.flatMap((direction) => protocols.map((protocol) => of(direction, protocol)));
  const first = (other: string, own: string) =>
    probes((direction, protocol) => probe(direction, other, own, protocol, SERVED[protocol][0]));
  const second = (other: string, own: string) =>
    probes((direction, protocol) => probe(direction, other, own, protocol, SERVED[protocol][1]));
  const east = [...first("east-0", "north-0"), ...second("east-1", "north-1")];
  const same: ClusterPolicyStep["change"] = (state) => state;
  const steps: ClusterPolicyStep[] = [
    { title: "an accept is first", change: same, open: east, closed: [] },
    {
      title: "an accept of ports, then a deny",
      change: same,
      open: first("west-0", "north-1"),
      closed: second("west-1", "north-1"),
    },
    { title: "a deny is first", change: swapRules("ordered", 0, 1), open: [], closed: east },
    {
      title: "a deny of ports",
      change: same,
      open: second("south-1", "north-0"),
      closed: first("south-0", "north-0"),
    },
  ];
  if (tier === "Baseline") return steps;
  return [
    ...steps,
    { title: "a pass is first", change: swapRules("ordered", 0, 2), open: east, closed: [] },
    {
      title: "a pass of ports before a deny",
      change: swapRules("ordered", DENY_SOUTH[tier], DENY_SOUTH[tier] + 1),
      open: [...first("south-0", "north-0"), ...second("south-1", "north-0")],
      closed: [],
    },
  ];
}

function orderedPolicy(
  tier: Tier,
  directions: readonly Direction[],
  protocols: readonly Protocol[],
): ClusterPolicyText {
  const ports = protocols.map((protocol) => ({ protocol, port: SERVED[protocol][0] }));
  const rules = directions.map((direction) => [direction, orderedRules(tier, ports)]);
  return { name: "ordered", tier, priority: 15, subject: inside("north"), ...Object.fromEntries(rules) };
}

const ordered: readonly ClusterPolicyCase[] = TIERS.flatMap((tier) =>
  [
    ...DIRECTIONS.flatMap((direction) =>
      PROTOCOLS.map((protocol) => ({ name: `${direction} by ${protocol}`, of: [[direction], [protocol]] as const })),
    ),
    { name: "both directions by all protocols", of: [DIRECTIONS, PROTOCOLS] as const },
  ].map(({ name, of: [directions, protocols] }) =>
    clusterCase(
      `${tier}: ${name}`,
      [orderedPolicy(tier, directions, protocols)],
      orderedSteps(tier, directions, protocols),
    ),
  ),
);

/** About all traffic with `south`, whose pods are named by their labels. */
function aboutSouth(name: string, tier: Tier, priority: number, action: ClusterRuleText["action"]): ClusterPolicyText {
  const rules: ClusterRuleText[] = [{ action, peers: [labelledPods("south")] }];
  return { name, tier, priority, subject: labelledPods("north"), ingress: rules, egress: rules };
}

const fromSouth = ["south-0 north-0 TCP/80", "south-1 north-0 TCP/8080"];
const toSouth = ["north-0 south-0 TCP/80", "north-1 south-0 TCP/8080"];

const priorities = clusterCase(
  "priorities",
  [
    aboutSouth("denies", "Admin", 50, "Deny"),
    aboutSouth("passes", "Admin", 60, "Pass"),
    aboutSouth("accepts", "Baseline", 10, "Accept"),
  ],
  [
    { title: "a deny of ingress goes before a pass of less priority", closed: fromSouth },
    { title: "a deny of egress goes before a pass of less priority", closed: toSouth },
    {
      title: "a pass that comes to have more priority leaves both directions to the Baseline tier",
      change: editPolicy("passes", (policy) => ({ ...policy, priority: 40 })),
      open: [...fromSouth, ...toSouth],
    },
  ],
);

const SOUTH_POLICY = JSON.stringify({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "with-south", namespace: "north" },
  spec: {
    podSelector: {},
    policyTypes: ["Ingress", "Egress"],
    ingress: [{ from: [{ namespaceSelector: { matchLabels: { side: "south" } } }] }],
    egress: [{ to: [{ namespaceSelector: { matchLabels: { side: "south" } } }] }],
  },
});

const passOn = (direction: Direction) =>
  editPolicy("admin", (policy) => ({
    ...policy,
    [direction]: (policy[direction] ?? []).map((rule) => ({ ...rule, action: "Pass" })),
  }));

const integration = clusterCase(
  "with NetworkPolicy between the tiers",
  [aboutSouth("admin", "Admin", 10, "Deny"), aboutSouth("baseline", "Baseline", 10, "Deny")],
  [
    { title: "a deny of ingress in the Admin tier decides", closed: fromSouth },
    { title: "a deny of egress in the Admin tier decides", closed: toSouth },
    { title: "a pass of ingress leaves it to the NetworkPolicy", change: passOn("ingress"), open: fromSouth },
    { title: "a pass of egress leaves it to the NetworkPolicy", change: passOn("egress"), open: toSouth },
    {
      title: "without the NetworkPolicy the Baseline tier decides on ingress",
      change: ({ policies }) => ({ policies, others: [] }),
      closed: fromSouth,
    },
    { title: "without the NetworkPolicy the Baseline tier decides on egress", closed: toSouth },
  ],
  { others: [SOUTH_POLICY] },
);

const ALL_NETWORKS = { networks: ["0.0.0.0/0", "::/0"] };
const byAllProtocols = (...ends: string[]): string[] =>
  ends.flatMap((two) => PROTOCOLS.map((protocol) => `${two} ${protocol}/${SERVED[protocol][0]}`));

const networks = TIERS.map((tier) =>
  clusterCase(
    `${tier}: networks`,
    [
      {
        name: "networks",
        tier,
        priority: 85,
        subject: labelledPods("north"),
        egress: [
          { action: "Accept", peers: [labelledPods("south")] },
          { action: "Deny", peers: [ALL_NETWORKS] },
        ],
      },
    ],
    [
      {
        title: "a deny of all addresses, pods' too, but for those that are accepted before",
        open: byAllProtocols("north-1 south-0"),
        closed: byAllProtocols("north-1 east-0", "north-1 west-0"),
      },
      {
        title: "an accept of two addresses",
        change: editPolicy("networks", (policy) => {
          const hosts = { networks: [`${addressOf("east", 0)}/32`, `${addressOf("west", 0)}/32`] };
          return { ...policy, egress: [{ action: "Accept", peers: [hosts] }, ...(policy.egress ?? [])] };
        }),
        open: byAllProtocols("north-1 east-0", "north-1 west-0", "north-1 south-1"),
        closed: byAllProtocols("north-1 east-1", "north-1 west-1"),
      },
    ],
  ),
);

const namedPorts = TIERS.flatMap((tier) =>
  DIRECTIONS.map((direction) => {
    const [protocol, name] = direction === "egress" ? (["TCP", "web"] as const) : (["UDP", "dns"] as const);
    const [named, other] = SERVED[protocol];
    return clusterCase(
      `${tier}: ${direction} by a port's name`,
      [orderedPolicy(tier, [direction], [protocol])],
      [
        {
          title: `${name} is ${protocol}/${named}`,
          change: editPolicy("ordered", (policy) => ({
            ...policy,
            [direction]: policy[direction]?.map((rule, i) =>
              i === ACCEPT_WEST[tier] ? { ...rule, ports: [{ name }] } : rule,
            ),
          })),
          open: [probe(direction, "west-1", "north-0", protocol, named)],
          closed: [probe(direction, "west-1", "north-1", protocol, other)],
        },
      ],
    );
  }),
);

const LINUX = { nodes: { matchLabels: { "kubernetes.io/os": "linux" } } };

const nodes = TIERS.map((tier) => {
  const isAdmin = tier === "Admin";
  return clusterCase(
    `${tier}: nodes`,
    [
      {
        name: "nodes",
        tier,
        priority: 75,
        subject: labelledPods("north"),
        egress: [
          { action: "Accept", peers: [LINUX], ports: [{ protocol: "TCP", port: 36363 }] },
          ...(isAdmin ? [{ action: "Pass", peers: [LINUX], ports: [{ protocol: "UDP", port: 34345 }] } as const] : []),
          { action: "Deny", peers: [labelledPods("south"), LINUX, ALL_NETWORKS] },
        ],
      },
    ],
    [
      { title: "an accept of a port", open: [`north-1 ${NODE} TCP/36363`] },
      ...(isAdmin ? [{ title: "a pass of a port", open: [`north-1 ${NODE} UDP/34345`] }] : []),
      {
        title: "a deny of all other ports",
        closed: [`north-1 ${NODE} TCP/36364`, `north-1 ${NODE} UDP/34346`, `north-1 ${NODE} SCTP/2905`],
      },
    ],
  );
});

/** The subtests of the conformance suite of `network-policy-api`, of which there are 92 in one version of the kinds. */
export const clusterPolicyCases: readonly ClusterPolicyCase[] = [
  ...ordered,
  priorities,
  integration,
  ...networks,
  ...namedPorts,
  ...nodes,
];
