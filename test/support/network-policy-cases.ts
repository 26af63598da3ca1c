import type { Protocol } from "#policy/model/protocol.ts";

/** A connection between two pods, `NAMESPACE/POD` each. */
export interface Probe {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly protocol: Protocol;
}

/** A state of the cluster, and which probes fail in it. */
export interface Step {
  /** `spec` of NetworkPolicies, in YAML, each with its namespace. */
  readonly policies: readonly { readonly namespace: string; readonly spec: string }[];
  /** Labels beside the usual ones, by namespace or `NAMESPACE/POD`. */
  readonly labels?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly blocked: (probe: Probe) => boolean;
}

export interface NetworkPolicyCase {
  readonly title: string;
  /** Each has the label `pod` with its name, and names its ports `serve-PORT-PROTOCOL`. */
  readonly pods: readonly string[];
  readonly ports: readonly number[];
  readonly protocols: readonly Protocol[];
  readonly steps: readonly Step[];
}

/** Addresses of pods in the cases: the n-th pod has 10.4.0.n, and 10.0.0.0/8 is around them. */
export function podAddress(index: number): string {
  return `10.4.0.${index + 1}`;
}

const namespaceOf = (pod: string): string => pod.split("/")[0] as string;
const nameOf = (pod: string): string => pod.split("/")[1] as string;
const within = (namespace: string) => (pod: string) => namespaceOf(pod) === namespace;
const among = (pods: string) => (pod: string) => pods.split(" ").includes(pod);

/** Blocks what goes to one pod, unless it comes from some. */
const into = (to: string, allowed: (from: string) => boolean) => (probe: Probe) =>
  probe.to === to && !allowed(probe.from);
const x = (spec: string): { namespace: string; spec: string } => ({ namespace: "x", spec: `{${spec}}` });
const y = (spec: string): { namespace: string; spec: string } => ({ namespace: "y", spec: `{${spec}}` });

const A = "podSelector: {matchLabels: {pod: a}}";
const EVERY = "podSelector: {}";
const IN = "policyTypes: [Ingress]";
const OUT = "policyTypes: [Egress]";
const BOTH = "policyTypes: [Ingress, Egress]";
const named = (name: string): string => `namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ${name}}}`;
const notNamed = (name: string): string =>
  `namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [${name}]}]}`;
const pod = (name: string): string => `podSelector: {matchLabels: {pod: ${name}}}`;
const nobody = (): boolean => false;

const one = (
  title: string,
  pods: string,
  policies: Step["policies"],
  blocked: Step["blocked"],
  more: Partial<NetworkPolicyCase> & Pick<Step, "labels"> = {},
): NetworkPolicyCase => {
  const { labels, ...rest } = more;
  const steps = [{ policies, blocked, ...(labels && { labels }) }];
  return { title, pods: pods.split(" "), ports: [80], protocols: ["TCP"], steps, ...rest };
};
const several = (
  title: string,
  pods: string,
  steps: readonly Step[],
  more: Partial<NetworkPolicyCase> = {},
): NetworkPolicyCase => ({ title, pods: pods.split(" "), ports: [80], protocols: ["TCP"], steps, ...more });

const denyIngress = (protocol: Protocol): NetworkPolicyCase =>
  one(`${protocol}: default-deny-ingress`, "x/a x/b y/a y/b", [x(`${EVERY}, ${IN}`)], ({ to }) => within("x")(to), {
    protocols: [protocol],
  });
const basedOnPorts = (protocol: Protocol): NetworkPolicyCase =>
  one(
    `${protocol}: based on ports`,
    "x/a x/b y/a y/b z/a",
    [x(`${A}, ingress: [{from: [{${named("y")}}], ports: [{port: 81, protocol: ${protocol}}]}]`)],
    into("x/a", within("y")),
    { ports: [81], protocols: [protocol] },
  );
const podOfNamespace = (protocol: Protocol): NetworkPolicyCase =>
  one(
    `${protocol}: only a pod of a different namespace, by both selectors`,
    "x/a x/b y/a y/b z/a",
    [x(`${A}, ingress: [{from: [{${named("y")}, ${pod("a")}}]}]`)],
    into("x/a", among("y/a")),
    { protocols: [protocol] },
  );

/**
 * The cases of the Kubernetes end-to-end suite for NetworkPolicy that are about traffic.
 * A pod's traffic to itself is not judged in them.
 */
export const networkPolicyCases: readonly NetworkPolicyCase[] = [
  denyIngress("TCP"),
  one(
    "default-deny-all",
    "x/a x/b y/a",
    [x(`${EVERY}, ${BOTH}`)],
    ({ from, to }) => within("x")(from) || within("x")(to),
  ),
  one(
    "PodSelector is of the server's namespace",
    "x/a x/b x/c y/a",
    [x(`${A}, ingress: [{from: [{${pod("b")}}]}]`)],
    into("x/a", among("x/b")),
  ),
  one(
    "ingress to a target beside a deny of all",
    "x/a x/b y/a",
    [x(`${EVERY}, ${IN}`), x(`${A}, ingress: [{from: [{podSelector: {}, namespaceSelector: {}}]}]`)],
    ({ to }) => to === "x/b",
  ),
  one("pods in all namespaces", "x/a x/b y/a z/a", [x(`${A}, ingress: [{from: [{namespaceSelector: {}}]}]`)], nobody),
  one(
    "only a different namespace",
    "x/a x/b y/a z/a",
    [x(`${A}, ingress: [{from: [{${named("y")}}]}]`)],
    into("x/a", within("y")),
  ),
  one(
    "PodSelector with MatchExpressions",
    "x/a x/b x/c y/a",
    [x(`${A}, ingress: [{from: [{podSelector: {matchExpressions: [{key: pod, operator: In, values: [b]}]}}]}]`)],
    into("x/a", among("x/b")),
  ),
  one(
    "NamespaceSelector with MatchExpressions",
    "x/a x/b y/a z/a",
    [
      x(
        `${A}, ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [y]}]}}]}]`,
      ),
    ],
    into("x/a", within("y")),
  ),
  one(
    "PodSelector or NamespaceSelector",
    "x/a x/b x/c y/a",
    [x(`${A}, ingress: [{from: [{${notNamed("x")}}, {${pod("b")}}]}]`)],
    into("x/a", among("x/b y/a")),
  ),
  one(
    "PodSelector and NamespaceSelector",
    "x/a x/b y/a y/b z/b",
    [x(`${A}, ingress: [{from: [{${notNamed("x")}, ${pod("b")}}]}]`)],
    into("x/a", among("y/b z/b")),
  ),
  one(
    "multiple PodSelectors and NamespaceSelectors",
    "x/a x/b y/a y/b y/c",
    [
      x(
        `${A}, ingress: [{from: [{${notNamed("x")}, podSelector: {matchExpressions: [{key: pod, operator: In, values: [b, c]}]}}]}]`,
      ),
    ],
    into("x/a", among("y/b y/c")),
  ),
  one(
    "any of several PodSelectors",
    "x/a x/b x/c",
    [x(`${A}, ingress: [{from: [{${pod("b")}}, {${pod("c")}}]}]`)],
    nobody,
  ),
  podOfNamespace("TCP"),
  basedOnPorts("TCP"),
  several(
    "stacked policies with overlapping PodSelectors",
    "x/a x/b y/a y/b z/a",
    [81, 80].map((last): Step => {
      const open = last === 81 ? [81] : [81, 80];
      return {
        policies: open.map((port) => x(`${A}, ingress: [{from: [{${named("y")}}], ports: [{port: ${port}}]}]`)),
        blocked: ({ from, to, port }) => to === "x/a" && !(within("y")(from) && open.includes(port)),
      };
    }),
    { ports: [80, 81] },
  ),
  one("allow-all", "x/a x/b y/a", [x(`${EVERY}, ingress: [{}]`)], nobody, { ports: [80, 81] }),
  one(
    "ingress on one named port",
    "x/a x/b y/a",
    [x(`${EVERY}, ingress: [{ports: [{port: serve-81-tcp}]}]`)],
    ({ to, port }) => within("x")(to) && port === 80,
    { ports: [80, 81] },
  ),
  one(
    "ingress from a namespace on one named port",
    "x/a x/b y/a z/a",
    [x(`${A}, ingress: [{from: [{${named("y")}}], ports: [{port: serve-80-tcp}]}]`)],
    ({ from, to, port }) => to === "x/a" && !(within("y")(from) && port === 80),
    { ports: [80, 81] },
  ),
  one(
    "egress on one named port",
    "x/a y/a",
    [x(`${EVERY}, ${OUT}, egress: [{ports: [{port: serve-80-tcp}]}]`)],
    ({ from, port }) => within("x")(from) && port === 81,
    { ports: [80, 81] },
  ),
  several(
    "updated policy",
    "x/a y/a",
    [
      { policies: [x(`${EVERY}, ingress: [{}]`)], blocked: nobody },
      { policies: [x(`${EVERY}, ${IN}`)], blocked: ({ to }) => within("x")(to) },
    ],
    { ports: [81] },
  ),
  several(
    "updated namespace",
    "x/a y/a",
    [{}, { y: { ns2: "updated" } }].map((labels): Step => ({
      policies: [x(`${A}, ingress: [{from: [{namespaceSelector: {matchLabels: {ns2: updated}}}]}]`)],
      labels,
      blocked: into("x/a", () => "y" in labels),
    })),
  ),
  several(
    "updated pod",
    "x/a x/b",
    [{}, { "x/b": { pod2: "updated" } }].map((labels): Step => ({
      policies: [x(`${A}, ingress: [{from: [{podSelector: {matchLabels: {pod: b, pod2: updated}}}]}]`)],
      labels,
      blocked: into("x/a", () => "x/b" in labels),
    })),
  ),
  one(
    "no pods of other namespaces",
    "x/a x/b y/a z/a",
    [x(`${EVERY}, ingress: [{from: [{podSelector: {}}]}]`)],
    ({ from, to }) => within("x")(to) && !within("x")(from),
  ),
  several(
    "deny to an updated pod",
    "x/a y/a",
    [{}, { "x/a": { target: "isolated" } }].map((labels): Step => ({
      policies: [x(`podSelector: {matchLabels: {target: isolated}}, ${IN}`)],
      labels,
      blocked: into("x/a", () => !("x/a" in labels)),
    })),
  ),
  one("deny egress of pods", "x/a x/b y/a", [x(`${A}, ${OUT}`)], ({ from }) => from === "x/a"),
  one("deny egress of a namespace", "x/a x/b y/a", [x(`${EVERY}, ${OUT}`)], ({ from }) => within("x")(from)),
  one(
    "ingress and egress together",
    "x/a x/b x/c y/a",
    [x(`${A}, ${BOTH}, ingress: [{from: [{${pod("b")}}]}], egress: [{ports: [{port: 80}]}]`)],
    ({ from, to, port }) => (from === "x/a" && port === 81) || (to === "x/a" && from !== "x/b"),
    { ports: [80, 81] },
  ),
  one(
    "deny on the client's side though the server allows",
    "x/a y/a y/b",
    [
      x(`${A}, ${OUT}, egress: [{to: [{${named("y")}, ${pod("a")}}]}]`),
      ...["a", "b"].map((name) => y(`${pod(name)}, ingress: [{from: [{${named("x")}, ${pod("a")}}]}]`)),
    ],
    ({ from, to }) => (from === "x/a" && to === "y/b") || (within("y")(to) && from !== "x/a"),
  ),
  one(
    "egress to a server in a different namespace",
    "x/a y/a y/b",
    [x(`${A}, ${OUT}, egress: [{to: [{${named("y")}, ${pod("a")}}]}]`)],
    ({ from, to }) => from === "x/a" && to !== "y/a",
  ),
  one(
    "any port of one protocol",
    "x/a y/a",
    [x(`${A}, ingress: [{ports: [{protocol: TCP}]}]`)],
    ({ to, protocol }) => to === "x/a" && protocol === "UDP",
    { protocols: ["TCP", "UDP"] },
  ),
  several(
    "ingress allow-all over a narrow one",
    "x/a y/a",
    [[], [x(`${A}, ingress: [{}]`)]].map((more): Step => ({
      policies: [x(`${A}, ingress: [{ports: [{port: 80}]}]`), ...more],
      blocked: into("x/a", () => more.length > 0),
    })),
    { ports: [81] },
  ),
  several(
    "egress allow-all over a narrow one",
    "x/a y/a",
    [[], [x(`${A}, ${OUT}, egress: [{}]`)]].map((more): Step => ({
      policies: [x(`${A}, ${OUT}, egress: [{ports: [{port: 80}]}]`), ...more],
      blocked: ({ from }) => from === "x/a" && more.length === 0,
    })),
    { ports: [81] },
  ),
  several("deleted policies", "x/a y/a", [
    { policies: [x(`${EVERY}, ${BOTH}`)], blocked: ({ from, to }) => within("x")(from) || within("x")(to) },
    { policies: [], blocked: nobody },
  ]),
  one(
    "egress to a server in a CIDR block",
    "x/a y/a y/b",
    [x(`${A}, ${OUT}, egress: [{to: [{ipBlock: {cidr: ${podAddress(2)}/32}}]}]`)],
    ({ from, to }) => from === "x/a" && to !== "y/b",
  ),
  one(
    "except clause of an egress CIDR block",
    "x/a x/b x/c",
    [x(`${A}, ${OUT}, egress: [{to: [{ipBlock: {cidr: 0.0.0.0/4, except: [${podAddress(1)}/32]}}]}]`)],
    ({ from, to }) => from === "x/a" && to === "x/b",
  ),
  several("an address in both cidr and except is allowed by the other policy", "x/a x/b x/c", [
    {
      policies: [x(`${A}, ${OUT}, egress: [{to: [{ipBlock: {cidr: 0.0.0.0/4, except: [${podAddress(1)}/32]}}]}]`)],
      blocked: ({ from, to }) => from === "x/a" && to === "x/b",
    },
    {
      policies: [x(`${A}, ${OUT}, egress: [{to: [{ipBlock: {cidr: ${podAddress(1)}/32}}]}]`)],
      blocked: ({ from, to }) => from === "x/a" && to !== "x/b",
    },
  ]),
  several(
    "ingress and egress are controlled apart",
    "x/a x/b y/a",
    [[], [x(`${A}, ${IN}`)]].map((more): Step => ({
      policies: [x(`${A}, ${OUT}, egress: [{}]`), ...more],
      blocked: into("x/a", () => more.length === 0),
    })),
  ),
  one(
    "SCTP is not TCP",
    "x/a y/a",
    [x(`${EVERY}, ${IN}`), x(`${EVERY}, ingress: [{ports: [{protocol: SCTP, port: 81}]}]`)],
    ({ to }) => within("x")(to),
    { ports: [81] },
  ),
  one(
    "a policy for SCTP isolates",
    "x/a y/a",
    [x(`${A}, ingress: [{ports: [{protocol: SCTP, port: 80}]}]`)],
    ({ to }) => to === "x/a",
    { ports: [81] },
  ),
  one(
    "no TCP where only UDP is allowed",
    "x/a y/a",
    [x(`${A}, ingress: [{ports: [{protocol: UDP, port: 81}]}]`)],
    ({ to }) => to === "x/a",
    { ports: [81] },
  ),
  one(
    "NamespaceSelector with the default label",
    "x/a x/b y/a z/a",
    [x(`${EVERY}, ingress: [{from: [{${named("y")}}]}]`)],
    ({ from, to }) => within("x")(to) && !within("y")(from),
  ),
  one(
    "NamespaceSelector with MatchExpressions on the default label",
    "x/a x/b y/a z/a",
    [x(`${A}, ${OUT}, egress: [{to: [{${notNamed("y")}}]}]`)],
    ({ from, to }) => from === "x/a" && within("y")(to),
  ),
  denyIngress("UDP"),
  basedOnPorts("UDP"),
  podOfNamespace("UDP"),
  denyIngress("SCTP"),
  basedOnPorts("SCTP"),
  podOfNamespace("SCTP"),
];

/** The objects of a step as a file: namespaces with extra labels, pods, policies. */
export function caseObjects({ pods, ports, protocols }: NetworkPolicyCase, { labels = {}, policies }: Step): string {
  const flow = (value: unknown): string => JSON.stringify(value);
  const namespaces = Object.entries(labels).filter(([name]) => !name.includes("/"));
  return [
    ...namespaces.map(
      ([name, own]) => `{apiVersion: v1, kind: Namespace, metadata: {name: ${name}, labels: ${flow(own)}}}`,
    ),
    ...pods.map((full, i) => {
      const own = { pod: nameOf(full), ...labels[full] };
      const table = ports.flatMap((port) =>
        protocols.map((protocol) => ({
          name: `serve-${port}-${protocol.toLowerCase()}`,
          containerPort: port,
          protocol,
        })),
      );
      return flow({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: nameOf(full), namespace: namespaceOf(full), labels: own },
        spec: { containers: [{ name: "c", ports: table }] },
        status: { podIP: podAddress(i) },
      });
    }),
    ...policies.map(
      ({ namespace, spec }, i) =>
        `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: policy-${i}, namespace: ${namespace}}, spec: ${spec}}`,
    ),
  ].join("\n---\n");
}
