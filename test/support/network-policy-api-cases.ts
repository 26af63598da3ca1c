/** A state of the NetworkPolicy objects of a namespace, and what comes of it between two of its pods. */
export interface NetworkPolicyApiStep {
  readonly title: string;
  /** All objects that are there, as YAML. */
  readonly policies: readonly string[];
  /** The field for which they are refused; null: they are accepted. */
  readonly refused: string | null;
  /** Those of the ports 79 to 91 by which one pod reaches the other, if they are accepted. */
  readonly open: readonly number[];
}

export interface NetworkPolicyApiCase {
  readonly title: string;
  readonly steps: readonly NetworkPolicyApiStep[];
}

export const API_PORTS = Array.from({ length: 13 }, (_, i) => 79 + i);

const policy = (name: string, ports: string, annotations = "{}"): string =>
  `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy,
    metadata: {name: ${name}, namespace: x, labels: {e2e: yes}, annotations: ${annotations}},
    spec: {podSelector: {}, ingress: [{ports: [${ports}]}]}}`;

const state = (title: string, policies: readonly string[], open: readonly number[]): NetworkPolicyApiStep => {
  return { title, policies, refused: null, open };
};
const refused = (title: string, ports: string, field: string): NetworkPolicyApiStep => {
  return { title, policies: [policy("p", ports)], refused: field, open: [] };
};

const two = policy("two", "{port: 81}");
const three = policy("three", "{port: 82, endPort: 84}");
const port = (name: string): string => `spec.ingress[0].ports[0].${name}`;

/** The two cases of the Kubernetes end-to-end suite for NetworkPolicy that are about its objects. */
export const networkPolicyApiCases: readonly NetworkPolicyApiCase[] = [
  {
    title: "API operations",
    steps: [
      state("none", [], API_PORTS),
      state("one is made", [policy("one", "{port: 80}")], [80]),
      state("two more are made", [policy("one", "{port: 80}"), two, three], [80, 81, 82, 83, 84]),
      state("one is patched", [policy("one", "{port: 80}", '{patched: "true"}'), two, three], [80, 81, 82, 83, 84]),
      state(
        "one is updated",
        [policy("one", "{port: 90}", '{patched: "true", updated: "true"}'), two, three],
        [81, 82, 83, 84, 90],
      ),
      state("one is deleted", [two, three], [81, 82, 83, 84]),
      state("the collection is deleted", [], API_PORTS),
    ],
  },
  {
    title: "API operations with the field endPort",
    steps: [
      refused("without a port", "{endPort: 81}", port("endPort")),
      refused("with a port's name", "{port: serve-80, endPort: 81}", port("endPort")),
      refused("below the port", "{port: 81, endPort: 80}", port("endPort")),
      state("equal to the port", [policy("p", "{port: 80, endPort: 80}")], [80]),
      state("above the port", [policy("p", "{port: 80, endPort: 83}")], [80, 81, 82, 83]),
    ],
  },
];
