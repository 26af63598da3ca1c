/** Whoever is not a pod, by the field's names. `host` is the node on which the other end of a flow lives. */
export const RESERVED_PARTIES = [
  "host",
  "world",
  "unmanaged",
  "health",
  "init",
  "remote-node",
  "kube-apiserver",
  "ingress",
] as const;
export type ReservedParty = (typeof RESERVED_PARTIES)[number];

/** The fixed numbers of reserved identities, the same as in the datapath's headers. */
export const reservedIdentities: Readonly<Record<ReservedParty, number>> = {
  host: 1,
  world: 2,
  unmanaged: 3,
  health: 4,
  init: 5,
  "remote-node": 6,
  "kube-apiserver": 7,
  ingress: 8,
};

/** Groups of peers that a CiliumNetworkPolicy can name. */
export const ENTITIES = [
  "all",
  "world",
  "world-ipv4",
  "world-ipv6",
  "cluster",
  "host",
  "remote-node",
  "kube-apiserver",
  "ingress",
  "health",
  "init",
  "unmanaged",
  "none",
] as const;
export type Entity = (typeof ENTITIES)[number];
