import type { Protocol } from "#policy/model/protocol.ts";
import type { Direction } from "#policy/model/rule.ts";
import {
  type MatrixRule,
  PEERS,
  PORTS,
  type PeerVariation,
  type PortVariation,
  ruleLines,
} from "./network-policy-matrix.ts";
import type { MatrixPod } from "./network-policy-matrix-world.ts";

/** A NetworkPolicy of the namespace x. */
export interface MatrixPolicy {
  readonly name: string;
  readonly selector: object;
  readonly selects: (pod: MatrixPod) => boolean;
  readonly isolates: readonly Direction[];
  readonly rules: Readonly<Partial<Record<Direction, readonly MatrixRule[]>>>;
}

export interface MatrixCase {
  readonly title: string;
  readonly policies: readonly MatrixPolicy[];
}

/** What one end of a flow says by the words of the specification. */
export interface MatrixAnswer {
  readonly allowed: boolean;
  /** The rules that allow it, `POLICY ingress[0]`. */
  readonly by: readonly string[];
  /** The policies that isolate the end, in the order of their text. */
  readonly isolating: readonly string[];
  /** Rules of all policies that isolate the end, with what does not hold of them. */
  readonly near: readonly { readonly rule: string; readonly peer: boolean; readonly port: boolean }[];
}

/** An end is free until a policy that selects it isolates it; then any rule of such policies lets through. */
export function matrixAnswer(
  { policies }: MatrixCase,
  direction: Direction,
  self: MatrixPod,
  other: MatrixPod,
  protocol: Protocol,
  port: number,
): MatrixAnswer {
  if (self === other) return { allowed: true, by: [], isolating: [], near: [] };
  const isolating = policies.filter(
    ({ isolates, selects }) => isolates.includes(direction) && self.namespace === "x" && selects(self),
  );
  const near = isolating.flatMap(({ name, rules }) =>
    (rules[direction] ?? []).map((rule, i) => ({
      rule: `${name} ${direction}[${i}]`,
      peer: rule.peer.holds(other),
      port: rule.port.holds(protocol, port),
    })),
  );
  const by = near.filter((rule) => rule.peer && rule.port).map(({ rule }) => rule);
  const names = isolating.map(({ name }) => name);
  return { allowed: isolating.length === 0 || by.length > 0, by, isolating: names, near };
}

/** The policies of a case as a file, with each rule on a line of its own. */
export function matrixText({ policies }: MatrixCase): string {
  const texts = policies.map(({ name, selector, isolates, rules }) => {
    const types = isolates.map((direction) => (direction === "ingress" ? "Ingress" : "Egress"));
    return [
      "apiVersion: networking.k8s.io/v1",
      "kind: NetworkPolicy",
      `metadata: {namespace: x, name: ${name}}`,
      "spec:",
      `  podSelector: ${JSON.stringify(selector)}`,
      `  policyTypes: [${types.join(", ")}]`,
      ...Object.entries(rules).flatMap(([direction, list]) => [
        `  ${direction}:${list.length === 0 ? " []" : ""}`,
        ...ruleLines(direction as Direction, list),
      ]),
    ].join("\n");
  });
  return texts.join("\n---\n");
}

const DIRECTIONS: readonly Direction[] = ["ingress", "egress"];
const A = { selector: { matchLabels: { pod: "a" } }, selects: ({ name }: MatrixPod) => name === "a" };
const ALL = { selector: {}, selects: () => true };
const FREE = { peer: PEERS[0], port: PORTS[0] } as MatrixRule;

/** Some other rule, by steps that lead everywhere. */
function ruleAt(i: number): MatrixRule {
  return { peer: PEERS[(7 * i) % PEERS.length] as PeerVariation, port: PORTS[(5 * i) % PORTS.length] as PortVariation };
}

function toPolicy(
  name: string,
  direction: Direction,
  rules: readonly MatrixRule[],
  subjects: Pick<MatrixPolicy, "selector" | "selects"> = A,
): MatrixPolicy {
  return { name, ...subjects, isolates: [direction], rules: { [direction]: rules } };
}

const titleOf = ({ peer, port }: MatrixRule): string => `${peer.title}, ${port.title}`;

/** Every variation of peers with every variation of ports. */
const single = DIRECTIONS.flatMap((direction) =>
  PEERS.flatMap((peer) =>
    PORTS.map((port): MatrixCase => ({
      title: `${direction}: ${peer.title}, ${port.title}`,
      policies: [toPolicy("p", direction, [{ peer, port }])],
    })),
  ),
);

/** Two rules that overlap, or not: in one policy, in two, beside a policy that denies all, and one that allows all. */
const conflicts = DIRECTIONS.flatMap((direction) =>
  PEERS.flatMap((_, i): MatrixCase[] => {
    const [one, two] = [ruleAt(i), ruleAt(i + 3)];
    const title = `${direction}: ${titleOf(one)}; ${titleOf(two)}`;
    const both = [toPolicy("one", direction, [one]), toPolicy("two", direction, [two], ALL)];
    return [
      { title: `${title}; in one policy`, policies: [toPolicy("p", direction, [one, two])] },
      { title: `${title}; in two policies`, policies: both },
      { title: `${title}; all denied`, policies: [...both, toPolicy("none", direction, [], ALL)] },
      { title: `${title}; all allowed`, policies: [...both, toPolicy("all", direction, [FREE], ALL)] },
    ];
  }),
);

const SUBJECTS: readonly (Pick<MatrixPolicy, "selector" | "selects"> & { readonly title: string })[] = [
  { title: "all", ...ALL },
  {
    title: "in a, b",
    selector: { matchExpressions: [{ key: "pod", operator: "In", values: ["a", "b"] }] },
    selects: ({ name }) => name !== "c",
  },
  {
    title: "not in a",
    selector: { matchExpressions: [{ key: "pod", operator: "NotIn", values: ["a"] }] },
    selects: ({ name }) => name !== "a",
  },
  {
    title: "without the label",
    selector: { matchExpressions: [{ key: "pod", operator: "DoesNotExist" }] },
    selects: () => false,
  },
];

/** Other subjects; both directions; and rules of a direction that the policy does not isolate, which are none. */
const subjects = SUBJECTS.flatMap(({ title, ...subject }, i) =>
  [1, 2, 3].flatMap((n): MatrixCase[] => {
    const rules = { ingress: [ruleAt(i + 4 * n)], egress: [ruleAt(i + 5 * n), ruleAt(n)] };
    return [...DIRECTIONS.map((one) => [one]), DIRECTIONS].map((isolates) => ({
      title: `subjects ${title}, ${n}: isolates ${isolates.join(" and ")}`,
      policies: [{ name: "p", ...subject, isolates, rules }],
    }));
  }),
);

/** More than the 216 cases of the field's own generator. */
export const matrixCases: readonly MatrixCase[] = [...single, ...conflicts, ...subjects];
