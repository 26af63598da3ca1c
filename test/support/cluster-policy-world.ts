import type { Protocol } from "#policy/model/protocol.ts";

/** Namespaces of the cases about cluster-wide policies; each has two pods. */
export const SIDES = ["north", "east", "south", "west"] as const;
export type Side = (typeof SIDES)[number];

/** Ports that every pod serves, two of each protocol; the first of the two has a name. */
export const SERVED = {
  TCP: [80, 8080],
  UDP: [53, 5353],
  SCTP: [2905, 3868],
} as const satisfies Record<Protocol, readonly [number, number]>;
const NAMES = { TCP: "web", UDP: "dns", SCTP: "ss7" } as const;

/** Of a node on which a pod runs that has the node's network. */
export const NODE = "10.9.0.1";
/** Outside of the cluster, with what DNS has said of it. */
export const OUTSIDE = { api: "192.0.2.80", deep: "192.0.2.81", other: "192.0.2.82", nameless: "192.0.2.83" };
export const DNS_NAMES: Readonly<Record<string, readonly string[]>> = {
  [OUTSIDE.api]: ["api.example.com"],
  [OUTSIDE.deep]: ["a.b.example.com"],
  [OUTSIDE.other]: ["example.org", "example.com"],
};

/** The first or second pod of a namespace: `north/north-0`. */
export function podOf(side: Side, index: 0 | 1): string {
  return `${side}/${side}-${index}`;
}

export function addressOf(side: Side, index: 0 | 1): string {
  return `10.4.${SIDES.indexOf(side)}.${index + 1}`;
}

/** All pods. */
export const PODS = SIDES.flatMap((side) => [podOf(side, 0), podOf(side, 1)]);

/** Namespaces, pods and a node, one document each. */
export const clusterWorld: readonly string[] = [
  ...SIDES.map((side) =>
    JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: side, labels: { side } } }),
  ),
  ...SIDES.flatMap((side) => ([0, 1] as const).map((index) => podText(side, index))),
  JSON.stringify({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "node-1", labels: { "kubernetes.io/os": "linux" } },
    status: { addresses: [{ type: "InternalIP", address: NODE }] },
  }),
];

function podText(side: Side, index: 0 | 1): string {
  const name = `${side}-${index}`;
  const ports = (["TCP", "UDP", "SCTP"] as const).map((protocol) => {
    return { name: NAMES[protocol], protocol, containerPort: SERVED[protocol][0] };
  });
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: side, labels: { side, pod: name } },
    spec: { containers: [{ name: "c", ports }] },
    status: { podIP: addressOf(side, index) },
  });
}
