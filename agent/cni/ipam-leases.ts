import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { hostInterfaceName } from "#agent/api/host-interface.ts";
import type { AddressPair, Lease, LeaseRequest } from "#agent/ipam/lease.ts";
import { readJsonFile, removeFile, removeTemporaries, writeFileAtomic } from "#agent/runtime/files.ts";

/** Addresses that `weir-ipam` gave to another plugin's interface. */
const ipamLease = z.object({
  version: z.literal(1),
  /** Of the ADD call: a call that is made again is answered again. */
  token: z.string(),
  /** Name of the network configuration. */
  network: z.string(),
  containerId: z.string(),
  ifName: z.string(),
  /** For people: `namespace/pod`. */
  owner: z.string(),
  pool: z.string(),
  ipv4: z.string().nullable(),
  ipv6: z.string().nullable(),
});
export type IpamLease = z.infer<typeof ipamLease>;

/** A lease that is asked for. */
export interface WantedLease extends Omit<IpamLease, "pool" | "ipv4" | "ipv6"> {
  readonly wanted: Omit<LeaseRequest, "owner">;
}

/** Where the addresses come from. */
export interface LeasePool {
  readonly cidrs: readonly string[];
  allocate(request: LeaseRequest): Promise<Lease>;
  restore(lease: AddressPair, owner: string): void;
  release(lease: AddressPair): void;
}

/** The leases of this node, in `<state-dir>/leases/`, one file each, written atomically. */
export class IpamLeases {
  readonly #folder: string;
  readonly #pool: LeasePool;
  readonly #leases = new Map<string, IpamLease>();

  constructor(stateDir: string, pool: LeasePool) {
    this.#folder = join(stateDir, "leases");
    this.#pool = pool;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    removeTemporaries(this.#folder);
  }

  /** Takes the addresses of an earlier life's leases; gives what cannot be read, in sentences. */
  restore(): string[] {
    const unreadable: string[] = [];
    for (const name of readdirSync(this.#folder).sort()) {
      if (!name.endsWith(".json")) continue;
      const file = readJsonFile(join(this.#folder, name), ipamLease);
      if (file.ok) {
        this.#pool.restore(file.value, file.value.owner);
        this.#leases.set(keyOf(file.value), file.value);
      } else {
        unreadable.push(file.message);
      }
    }
    return unreadable;
  }

  list(): readonly IpamLease[] {
    return [...this.#leases.values()];
  }

  find(attachment: Pick<IpamLease, "containerId" | "ifName">): IpamLease | undefined {
    return this.#leases.get(keyOf(attachment));
  }

  /** The ranges that addresses are of. */
  get ranges(): readonly string[] {
    return this.#pool.cidrs;
  }

  /** Takes addresses, and writes them down before they are told to anybody. @throws IpamError. */
  async add({ wanted, ...attachment }: WantedLease): Promise<IpamLease> {
    const addresses = await this.#pool.allocate({ owner: attachment.owner, ...wanted });
    const lease: IpamLease = { ...attachment, ...addresses };
    try {
      writeFileAtomic(this.#path(lease), `${JSON.stringify(lease, null, 2)}\n`);
    } catch (error) {
      this.#pool.release(addresses);
      throw error;
    }
    this.#leases.set(keyOf(lease), lease);
    return lease;
  }

  /** Gives the addresses back. Idempotent. */
  release(attachment: Pick<IpamLease, "containerId" | "ifName">): void {
    const lease = this.find(attachment);
    if (!lease) return;
    removeFile(this.#path(lease));
    this.#leases.delete(keyOf(lease));
    this.#pool.release(lease);
  }

  #path({ containerId, ifName }: Pick<IpamLease, "containerId" | "ifName">): string {
    return join(this.#folder, `${hostInterfaceName(containerId, ifName)}.json`);
  }
}

function keyOf({ containerId, ifName }: Pick<IpamLease, "containerId" | "ifName">): string {
  return `${containerId}/${ifName}`;
}
