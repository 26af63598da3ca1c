import type { Protocol } from "#policy/model/protocol.ts";
import type { Direction } from "#policy/model/rule.ts";
import type { MatrixPod } from "./network-policy-matrix-world.ts";

/** Peers of a rule in the namespace x, as a file has them, and whom they mean. */
export interface PeerVariation {
  readonly title: string;
  /** Undefined: the rule has no such field. */
  readonly peers: readonly object[] | undefined;
  readonly holds: (pod: MatrixPod) => boolean;
}

export interface PortVariation {
  readonly title: string;
  readonly ports: readonly object[] | undefined;
  readonly holds: (protocol: Protocol, port: number) => boolean;
}

/** A rule: both must hold. */
export interface MatrixRule {
  readonly peer: PeerVariation;
  readonly port: PortVariation;
}

const labelled = (matchLabels: object): object => ({ matchLabels });
const expression = (key: string, operator: string, ...values: string[]): object => {
  return { matchExpressions: [{ key, operator, ...(values.length > 0 && { values }) }] };
};
const pods = (podSelector: object): object => ({ podSelector });
const namespaces = (namespaceSelector: object): object => ({ namespaceSelector });
const block = (cidr: string, ...except: string[]): object => {
  return { ipBlock: { cidr, ...(except.length > 0 && { except }) } };
};
const peer = (
  title: string,
  peers: readonly object[] | undefined,
  holds: (pod: MatrixPod) => boolean,
): PeerVariation => ({ title, peers, holds });
const port = (
  title: string,
  ports: readonly object[] | undefined,
  holds: (protocol: Protocol, port: number) => boolean,
): PortVariation => ({ title, ports, holds });

const here = ({ namespace }: MatrixPod): boolean => namespace === "x";
const anybody = (): boolean => true;
const nobody = (): boolean => false;

export const PEERS: readonly PeerVariation[] = [
  peer("no peers", undefined, anybody),
  peer("an empty list of peers", [], anybody),
  peer("pods {}", [pods({})], here),
  peer("pods b", [pods(labelled({ pod: "b" }))], (pod) => here(pod) && pod.name === "b"),
  peer("pods in b, c", [pods(expression("pod", "In", "b", "c"))], (pod) => here(pod) && pod.name !== "a"),
  peer("pods not in b", [pods(expression("pod", "NotIn", "b"))], (pod) => here(pod) && pod.name !== "b"),
  peer("pods not in a label that is missing", [pods(expression("team", "NotIn", "t"))], here),
  peer("pods with the label", [pods(expression("pod", "Exists"))], here),
  peer("pods without the label", [pods(expression("pod", "DoesNotExist"))], nobody),
  peer("namespaces {}", [namespaces({})], anybody),
  peer("namespace y", [namespaces(labelled({ ns: "y" }))], ({ namespace }) => namespace === "y"),
  peer("namespaces in y, z", [namespaces(expression("ns", "In", "y", "z"))], (pod) => !here(pod)),
  peer("namespaces not in y", [namespaces(expression("ns", "NotIn", "y"))], ({ namespace }) => namespace !== "y"),
  peer(
    "namespaces by name",
    [namespaces(expression("kubernetes.io/metadata.name", "NotIn", "x", "y"))],
    ({ namespace }) => namespace === "z",
  ),
  peer(
    "pods b of namespace y",
    [{ ...namespaces(labelled({ ns: "y" })), ...pods(labelled({ pod: "b" })) }],
    ({ namespace, name }) => namespace === "y" && name === "b",
  ),
  peer("pods b of any namespace", [{ ...namespaces({}), ...pods(labelled({ pod: "b" })) }], ({ name }) => name === "b"),
  peer(
    "pods not in b of namespaces in y, z",
    [{ ...namespaces(expression("ns", "In", "y", "z")), ...pods(expression("pod", "NotIn", "b")) }],
    (pod) => !here(pod) && pod.name !== "b",
  ),
  peer("the addresses of y", [block("10.4.1.0/24")], ({ namespace }) => namespace === "y"),
  peer("addresses without those of y", [block("10.4.0.0/16", "10.4.1.0/24")], ({ namespace }) => namespace !== "y"),
  peer(
    "addresses without two",
    [block("10.0.0.0/8", "10.4.0.2/32", "10.4.2.3/32")],
    ({ address }) => address !== "10.4.0.2" && address !== "10.4.2.3",
  ),
  peer("one address", [block("10.4.2.1/32")], ({ address }) => address === "10.4.2.1"),
  peer("addresses of others", [block("192.0.2.0/24"), block("fd00::/8")], nobody),
  peer(
    "an address that one block excepts and another one has",
    [block("10.4.2.0/24", "10.4.2.1/32"), block("10.4.2.0/31")],
    ({ namespace }) => namespace === "z",
  ),
  peer(
    "pods b, or namespace z",
    [pods(labelled({ pod: "b" })), namespaces(labelled({ ns: "z" }))],
    (pod) => pod.namespace === "z" || (here(pod) && pod.name === "b"),
  ),
  peer("pods {}, or the addresses of z", [pods({}), block("10.4.2.0/24")], ({ namespace }) => namespace !== "y"),
];

export const PORTS: readonly PortVariation[] = [
  port("no ports", undefined, anybody),
  port("an empty list of ports", [], anybody),
  port("80", [{ port: 80 }], (protocol, port) => protocol === "TCP" && port === 80),
  port("81/UDP", [{ port: 81, protocol: "UDP" }], (protocol, port) => protocol === "UDP" && port === 81),
  port("SCTP", [{ protocol: "SCTP" }], (protocol) => protocol === "SCTP"),
  port("80 to 81", [{ port: 80, endPort: 81 }], (protocol) => protocol === "TCP"),
  port(
    "79 to 80/SCTP",
    [{ port: 79, endPort: 80, protocol: "SCTP" }],
    (protocol, port) => protocol === "SCTP" && port === 80,
  ),
  port("serve-80-tcp", [{ port: "serve-80-tcp" }], (protocol, port) => protocol === "TCP" && port === 80),
  port(
    "serve-81-udp/UDP",
    [{ port: "serve-81-udp", protocol: "UDP" }],
    (protocol, port) => protocol === "UDP" && port === 81,
  ),
  port("serve-80-tcp/UDP", [{ port: "serve-80-tcp", protocol: "UDP" }], nobody),
  port("82", [{ port: 82 }], nobody),
  port(
    "80, or 81/UDP",
    [{ port: 80 }, { port: 81, protocol: "UDP" }],
    (protocol, port) => (protocol === "TCP" && port === 80) || (protocol === "UDP" && port === 81),
  ),
];

/** The list of a direction as a file has it, one rule a line. */
export function ruleLines(direction: Direction, rules: readonly MatrixRule[]): string[] {
  const field = direction === "ingress" ? "from" : "to";
  return rules.map(({ peer: { peers }, port: { ports } }) => `  - ${JSON.stringify({ [field]: peers, ports })}`);
}
