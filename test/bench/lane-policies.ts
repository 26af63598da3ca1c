/** The policies of the pods that the traffic benches measure. */

/** TCP and UDP. */
export const lanePort = 8080;

const ports = [
  { protocol: "TCP", port: lanePort },
  { protocol: "UDP", port: lanePort },
];

function policy(name: string, app: string, spec: object): object {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { namespace: "bench", name },
    spec: { podSelector: { matchLabels: { app } }, ...spec },
  };
}

function both(prefix: string, server: readonly object[], client: readonly object[], ports: readonly object[]): object {
  return {
    apiVersion: "v1",
    kind: "List",
    items: [
      policy(`${prefix}client`, "client", { policyTypes: ["Egress"], egress: [{ to: server, ports }] }),
      policy(`${prefix}server`, "server", { policyTypes: ["Ingress"], ingress: [{ from: client, ports }] }),
    ],
  };
}

const pods = (app: string) => [{ podSelector: { matchLabels: { app } } }];

/** The client may send to the server, and the server takes it from the client. */
export const lanePolicies: object = both("", pods("server"), pods("client"), ports);

/** Beside that, TCP with so many addresses that are nobody's: an entry for each in either pod's policy. */
export function manyAddresses(count: number): object {
  const blocks = Array.from({ length: count }, (_, i) => ({ ipBlock: { cidr: `172.16.${i >> 8}.${i & 255}/32` } }));
  return both("many-", blocks, blocks, ports.slice(0, 1));
}
