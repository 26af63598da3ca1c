import type { Probe } from "./probes.ts";
import { clusterPolicy, objectText, ports } from "./object-text.ts";
import { networkPolicy } from "./network-policy.ts";

/** Rules of several languages about the pods of the world (reachability-world.ts), and what they stop. */
export interface OrderedRuleCase {
  readonly title: string;
  readonly policies: readonly string[];
  readonly isBlocked: (probe: Probe) => boolean;
}

const ofPod = (name: string): { matchLabels: { pod: string } } => ({ matchLabels: { pod: name } });
const inX = { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "x" } } };
const subject = { pods: { ...inX, podSelector: ofPod("a") } };
const fromB = [{ pods: { ...inX, podSelector: ofPod("b") } }];
const tier = (name: string, where: "Admin" | "Baseline", priority: number, action: string, more: object = {}): string =>
  clusterPolicy(name, where, priority, { subject, ingress: [{ action, from: fromB, ...more }] });
const cilium = (rules: object): string =>
  objectText(
    "CiliumNetworkPolicy",
    { name: "cilium", namespace: "x" },
    { spec: { endpointSelector: ofPod("a"), ...rules } },
  );
const onlyFromC = networkPolicy({
  name: "np",
  namespace: "x",
  selects: { pod: "a" },
  ingress: [{ from: [{ podSelector: ofPod("c") }] }],
});

const toA = ({ to }: Probe): boolean => to === "x/a";
const isFrom = (pod: string) => (probe: Probe) => toA(probe) && probe.from === pod;
const range = (protocol: "TCP" | "UDP" | "SCTP", port: number, endPort: number): string =>
  networkPolicy({
    name: "np",
    namespace: "x",
    selects: { pod: "a" },
    ingress: [{ ports: [{ protocol, port, endPort }] }],
  });

export const orderedRuleCases: readonly OrderedRuleCase[] = [
  ...(["TCP", "UDP", "SCTP"] as const).flatMap((protocol) =>
    [
      [1, 80],
      [81, 90],
      [80, 81],
      [82, 65_535],
    ].map(([first = 0, last = 0]) => ({
      title: `ports ${first} to ${last} of ${protocol}`,
      policies: [range(protocol, first, last)],
      isBlocked: (probe: Probe) =>
        toA(probe) && !(probe.protocol === protocol && probe.port >= first && probe.port <= last),
    })),
  ),
  {
    title: "a deny of the Admin tier is above an allow of NetworkPolicy",
    policies: [tier("deny", "Admin", 5, "Deny"), onlyFromC.replace("pod: c", "pod: b")],
    isBlocked: toA,
  },
  {
    title: "an accept of the Admin tier is above the isolation by NetworkPolicy",
    policies: [tier("accept", "Admin", 5, "Accept"), onlyFromC],
    isBlocked: (probe) => toA(probe) && !["x/b", "x/c"].includes(probe.from),
  },
  {
    title: "a pass of the Admin tier leaves it to NetworkPolicy",
    policies: [tier("pass", "Admin", 4, "Pass"), tier("accept", "Admin", 5, "Accept"), onlyFromC],
    isBlocked: (probe) => toA(probe) && probe.from !== "x/c",
  },
  {
    title: "the Baseline tier denies what nothing above it speaks of",
    policies: [tier("deny", "Baseline", 5, "Deny")],
    isBlocked: isFrom("x/b"),
  },
  {
    title: "NetworkPolicy is above the Baseline tier",
    policies: [tier("deny", "Baseline", 5, "Deny"), onlyFromC.replace("pod: c", "pod: b")],
    isBlocked: (probe) => toA(probe) && probe.from !== "x/b",
  },
  {
    title: "a deny of ports in the Admin tier is about these ports only",
    policies: [tier("deny", "Admin", 5, "Deny", { protocols: [{ tcp: { destinationPort: { number: 80 } } }] })],
    isBlocked: (probe) => isFrom("x/b")(probe) && probe.protocol === "TCP" && probe.port === 80,
  },
  {
    title: "a deny of CiliumNetworkPolicy is above every allow beside it",
    policies: [cilium({ ingress: [{ fromEntities: ["all"] }], ingressDeny: [{ fromEndpoints: [ofPod("b")] }] })],
    isBlocked: isFrom("x/b"),
  },
  {
    title: "a deny of a port is above every allow beside it",
    policies: [cilium({ ingress: [{ fromEntities: ["all"] }], ingressDeny: [{ toPorts: ports(81) }] })],
    isBlocked: (probe) => toA(probe) && probe.protocol === "TCP" && probe.port === 81,
  },
  {
    title: "an allow of echo requests of IPv4 opens no port, and nothing of IPv6",
    policies: [cilium({ ingress: [{ icmps: [{ fields: [{ family: "IPv4", type: 8 }] }] }] })],
    isBlocked: (probe) => toA(probe) && !(probe.protocol === "ICMP" && probe.family === 4),
  },
  {
    title: "an allow of egress to what has no name opens no pod",
    policies: [cilium({ egress: [{ toEntities: ["world"] }] })],
    isBlocked: ({ from }) => from === "x/a",
  },
];

/** Rules that a combination has or has not: those of allow-deny-combinations.ts, as texts about x/a, with x/b as foo. */
export function combinedRules(rules: readonly string[]): string[] {
  const isDeny = (rule: string): boolean => rule.startsWith("deny");
  const toRule = (rule: string): object => ({
    ...(rule.includes("foo") && { fromEndpoints: [ofPod("b")] }),
    ...(rule.includes("80") && { toPorts: rule.includes("HTTP") ? httpOn80 : ports(80) }),
    ...(rule.includes("81") && { toPorts: ports(81) }),
  });
  const ingress = rules.filter((rule) => !isDeny(rule)).map(toRule);
  const ingressDeny = rules.filter(isDeny).map(toRule);
  return rules.length > 0 ? [cilium({ ingress, ingressDeny })] : [];
}

const httpOn80 = ports(80).map((item) => ({ ...item, rules: { http: [{ method: "GET" }] } }));
