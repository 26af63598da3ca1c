/** Numbers with a fixed meaning: the field's own. */
export const RESERVED_IDENTITIES: ReadonlyMap<number, string> = new Map([
  [0, "unknown"],
  [1, "host"],
  [2, "world"],
  [3, "unmanaged"],
  [4, "health"],
  [5, "init"],
  [6, "remote-node"],
  [7, "kube-apiserver"],
  [8, "ingress"],
]);
