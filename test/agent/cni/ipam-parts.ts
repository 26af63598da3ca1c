import type { CniParts } from "#agent/cni/call.ts";
import { IpamLeases } from "#agent/cni/ipam-leases.ts";
import { makeIpam } from "#test/support/make-ipam.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { makeNodeParts } from "#test/agent/endpoint/node-parts.ts";

/** What `weir-ipam` works on, without a kernel. */
export function ipamParts(): CniParts & Disposable {
  const folder = new TemporaryFolder();
  return {
    endpoints: makeNodeParts().endpoints,
    leases: new IpamLeases(folder.path, makeIpam(["10.0.0.0/24"]).ipam),
    get host(): never {
      throw new Error("weir-ipam has no business with the node's devices");
    },
    addressWish: () => ({ sticky: false }),
    problems: () => [],
    forgetDeletion: () => undefined,
    undone: (error) => {
      throw error;
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}
