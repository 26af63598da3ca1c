import { PROTOCOLS } from "#policy/model/protocol.ts";
import type { Direction } from "#policy/model/rule.ts";
import {
  type ClusterPolicyCase,
  type Tier,
  clusterCase,
  editPolicy,
  inside,
  labelledPods,
  probe,
} from "./cluster-policy-case.ts";
import { CLUSTER_VERSIONS, type ClusterPolicyText, type ClusterRuleText } from "./cluster-policy-text.ts";
import { OUTSIDE, SERVED, type Side } from "./cluster-policy-world.ts";

const TIERS: readonly Tier[] = ["Admin", "Baseline"];
const DIRECTIONS: readonly Direction[] = ["ingress", "egress"];
/** v1alpha1 has only one policy of the Baseline tier. */
const SEVERAL = { Admin: CLUSTER_VERSIONS, Baseline: ["v1alpha2", "v1beta1"] } as const;

/** A policy with one direction does nothing to the other one. */
const oneDirection = TIERS.flatMap((tier) =>
  DIRECTIONS.map((direction) => {
    const rules: ClusterRuleText[] = [{ action: "Deny", peers: [inside("south")] }];
    const opposite = direction === "ingress" ? "egress" : "ingress";
    return clusterCase(
      `${tier}: only ${direction}`,
      [{ name: "one-way", tier, priority: 20, subject: inside("north"), [direction]: rules }],
      [
        { title: "what it denies", closed: [probe(direction, "south-0", "north-0", "TCP", 80)] },
        ...(["east", "west"] as const).map((side) => ({
          title: `the other direction, with ${side}`,
          open: [
            probe(opposite, `${side}-0`, "north-0", "TCP", 80),
            probe(opposite, "south-1", "north-0", "UDP", 53),
            probe(opposite, "south-1", "north-1", "SCTP", 3868),
          ],
        })),
      ],
    );
  }),
);

const RANGES = { TCP: ["east", 80, 8080], UDP: ["south", 53, 5353], SCTP: ["west", 2905, 3868] } as const;

/** A range of each protocol for one namespace each, and nothing else of any of them. */
const portRanges = TIERS.map((tier) => {
  const rules: ClusterRuleText[] = [
    ...PROTOCOLS.map((protocol): ClusterRuleText => {
      const [side, first, last] = RANGES[protocol];
      return { action: "Accept", peers: [inside(side)], ports: [{ protocol, first, last }] };
    }),
    { action: "Deny", peers: [{ namespaces: { matchExpressions: [{ key: "side", operator: "Exists" }] } }] },
  ];
  const policy = { name: "ranges", tier, priority: 9, subject: inside("north"), ingress: rules, egress: rules };
  return clusterCase(
    `${tier}: ranges of ports`,
    [policy],
    DIRECTIONS.map((direction) => {
      const probes = PROTOCOLS.map((protocol) => {
        const [side, first, last] = RANGES[protocol];
        const to = (port: number): string => probe(direction, `${side}-0`, "north-0", protocol, port);
        const another = PROTOCOLS.filter((one) => one !== protocol);
        return {
          open: [first, last, first + 1].map(to),
          closed: [
            ...[first - 1, last + 1].map(to),
            ...another.map((one) => probe(direction, `${side}-1`, "north-1", one, SERVED[one][0])),
          ],
        };
      });
      const title = `${direction}: from the first to the last, of one protocol`;
      return { title, open: probes.flatMap(({ open }) => open), closed: probes.flatMap(({ closed }) => closed) };
    }),
  );
});

const anywhere = (matchLabels: object): object => ({ pods: { podSelector: { matchLabels } } });
const onePod = (side: Side, name: string): object => {
  return { pods: { namespaceSelector: { matchLabels: { side } }, podSelector: { matchLabels: { pod: name } } } };
};

/** Pods by their labels in any namespace, and a single one by those of both. */
const podSelectors = TIERS.map((tier) => {
  const two = (side: Side): ClusterRuleText[] => [
    { action: "Deny", peers: [anywhere({ side })] },
    { action: "Deny", peers: [onePod("west", "west-0")] },
  ];
  const policies: ClusterPolicyText[] = [
    {
      name: "by-labels",
      tier,
      priority: 20,
      subject: anywhere({ side: "north" }),
      egress: two("east"),
      ingress: two("south"),
    },
    {
      name: "one-pod",
      tier,
      priority: 21,
      subject: onePod("east", "east-0"),
      egress: [{ action: "Deny", peers: [inside("south")] }],
    },
  ];
  const subjects = {
    title: "pods of subjects",
    open: ["south-0 west-0 TCP/80", "east-1 south-0 TCP/80"],
    closed: ["east-0 south-0 TCP/80"],
  };
  return clusterCase(
    `${tier}: pods by labels, without a namespace and with one`,
    policies,
    [
      {
        title: "pods of egress rules",
        open: ["north-0 west-1 TCP/80", "north-0 south-0 TCP/80"],
        closed: ["north-0 east-0 TCP/80", "north-0 east-1 UDP/53", "north-0 west-0 TCP/80"],
      },
      {
        title: "pods of ingress rules",
        open: ["west-1 north-0 TCP/80", "east-0 north-0 TCP/80"],
        closed: ["south-0 north-0 TCP/80", "south-1 north-1 SCTP/2905", "west-0 north-0 TCP/80"],
      },
      subjects,
    ],
    { versions: SEVERAL[tier] },
  );
});

/** Three policies of one priority: two share a subject, two a peer. */
const samePriority = TIERS.map((tier) => {
  const policy = (subject: Side, peer: Side, port: number): ClusterPolicyText => {
    const rules: ClusterRuleText[] = [{ action: "Deny", peers: [inside(peer)], ports: [{ protocol: "TCP", port }] }];
    const name = `${subject}-${peer}`;
    return { name, tier, priority: 15, subject: inside(subject), ingress: rules, egress: rules };
  };
  const bothWays = (a: Side, b: Side, port: number): string[] => [
    `${a}-0 ${b}-0 TCP/${port}`,
    `${b}-1 ${a}-0 TCP/${port}`,
  ];
  return clusterCase(
    `${tier}: policies of one priority`,
    [policy("north", "south", 80), policy("north", "west", 80), policy("west", "south", 8080)],
    [
      {
        title: "each of them denies in both directions",
        closed: [
          ...bothWays("north", "south", 80),
          ...bothWays("north", "west", 80),
          ...bothWays("west", "south", 8080),
        ],
      },
      {
        title: "none of them is about the subject of another",
        open: [...bothWays("north", "south", 8080), ...bothWays("west", "south", 80)],
      },
      {
        title: "none of them is about a peer that it does not name",
        open: [...bothWays("north", "east", 80), ...bothWays("west", "east", 8080)],
      },
    ],
    { versions: SEVERAL[tier] },
  );
});

const apart = clusterCase(
  "Admin: policies of one priority for different subjects",
  (
    [
      ["north", "east"],
      ["west", "south"],
    ] as const
  ).map(([side, friend]) => ({
    name: `of-${side}`,
    tier: "Admin",
    priority: 7,
    subject: inside(side),
    ingress: [
      { action: "Accept", peers: [inside(friend)] },
      { action: "Deny", peers: [{ namespaces: {} }] },
    ],
  })),
  [
    { title: "each accepts its own friend", open: ["east-0 north-0 TCP/80", "south-0 west-0 TCP/80"] },
    { title: "and nobody else", closed: ["south-0 north-0 TCP/80", "east-0 west-0 TCP/80"] },
  ],
);

// A pod that comes back to itself is never judged, in no language: what a service sends there passes.
const hairpin = clusterCase(
  "Admin: a namespace that denies itself",
  [
    {
      name: "hairpin",
      tier: "Admin",
      priority: 15,
      subject: inside("north"),
      ingress: [{ action: "Deny", peers: [inside("north")] }],
    },
  ],
  [
    { title: "its other pods do not get in", closed: ["north-0 north-1 TCP/80", "north-1 north-0 UDP/53"] },
    { title: "a pod reaches itself", open: ["north-0 north-0 TCP/80"] },
  ],
);

/** Names are accepted of what is otherwise denied. */
const domainNames = TIERS.map((tier) =>
  clusterCase(
    `${tier}: domain names`,
    [
      {
        name: "names",
        tier,
        priority: 30,
        subject: labelledPods("north"),
        egress: [
          {
            action: "Accept",
            peers: [{ domainNames: ["*.example.com", "example.org"] }],
            ports: [{ protocol: "TCP", port: 443 }],
          },
          { action: "Deny", peers: [{ networks: ["0.0.0.0/0"] }] },
        ],
      },
    ],
    [
      {
        title: "a name, and any number of labels for a star",
        open: Object.values(OUTSIDE).flatMap((to) => (to === OUTSIDE.nameless ? [] : [`north-0 ${to} TCP/443`])),
        closed: [`north-0 ${OUTSIDE.nameless} TCP/443`, `north-0 ${OUTSIDE.api} TCP/80`, "north-0 east-0 TCP/443"],
      },
      {
        title: "a star stands for one label at least",
        change: editPolicy("names", (policy) => ({
          ...policy,
          egress: (policy.egress ?? []).map((rule, i) =>
            i === 0 ? { ...rule, peers: [{ domainNames: ["*.example.com"] }] } : rule,
          ),
        })),
        open: [`north-0 ${OUTSIDE.api} TCP/443`, `north-0 ${OUTSIDE.deep} TCP/443`],
        closed: [`north-0 ${OUTSIDE.other} TCP/443`],
      },
    ],
    { versions: SEVERAL[tier] },
  ),
);

/** What the suite has come to have beside its first 92 subtests, and names, which it leaves out. */
export const moreClusterPolicyCases: readonly ClusterPolicyCase[] = [
  ...oneDirection,
  ...portRanges,
  ...podSelectors,
  ...samePriority,
  apart,
  hairpin,
  ...domainNames,
];
