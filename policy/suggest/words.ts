import type { SeenPeer, SeenPort } from "./traffic.ts";
import type { Workload } from "./workloads.ts";

/** `shop/app=web`, `kube-apiserver 10.0.0.1`, `192.0.2.9 (example.com)` */
export function describeSeen(peer: SeenPeer): string {
  if (peer.kind === "workload") return describeWorkload(peer.workload);
  const { party, address, names } = peer;
  const who = party === "world" ? (address ?? "the world") : [party, ...(address === null ? [] : [address])].join(" ");
  return names.length > 0 ? `${who} (${names.join(", ")})` : who;
}

export function describeWorkload({ namespace, selector: { labels, absent } }: Workload): string {
  const conditions = [
    ...Object.entries(labels).map(([key, value]) => `${key}=${value}`),
    ...absent.map((key) => `!${key}`),
  ];
  return `${namespace}/${conditions.join(",") || "all pods"}`;
}

export function describePorts(ports: readonly SeenPort[]): string {
  return ports.map(describePort).join(", ");
}

function describePort({ protocol, port }: SeenPort): string {
  if (protocol === "ICMP" || protocol === "ICMPv6") return `${protocol} type ${port}`;
  return port === 0 ? protocol : `${protocol} ${port}`;
}
