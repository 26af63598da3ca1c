import { BpfError } from "libbpf-ts";
import type {
  MasqueradeAddresses,
  MasqueradeFlags,
  MasqueradeTable,
  NatCounts,
  NatTable,
} from "#agent/datapath/kernel.ts";
import { primaryAddresses } from "#agent/net/primary-addresses.ts";
import type { InterfaceAddress } from "#agent/netlink/address.ts";
import type { Link } from "#agent/netlink/link.ts";
import { masqueradeRanges } from "./masquerade-ranges.ts";

export interface MasqueradeOptions {
  readonly table: MasqueradeTable;
  readonly nat: NatTable;
  /** False: pods keep their addresses, and the kernel has nothing of this. */
  readonly enabled: boolean;
  /** Ranges of the node's pods now. */
  readonly pods: () => readonly string[];
  readonly excluded: readonly string[];
  /** All addresses of the node now. */
  readonly own: () => readonly string[];
  /** Addresses of all devices now. */
  readonly addresses: () => readonly InterfaceAddress[];
  /** Milliseconds of any clock that is not set. */
  readonly now: () => number;
  readonly failed: (error: unknown, what: string) => void;
}

/** How long, in ms, it is told that no port was left. */
const exhaustionTold = 300_000;

/** Under which addresses pods are seen by the world: follows the node's devices and their addresses. */
export class Masquerade {
  readonly enabled: boolean;
  readonly #options: MasqueradeOptions;
  #devices: ReadonlyMap<string, MasqueradeAddresses> = new Map();
  #exhausted: number;
  #exhaustedSince = Number.NEGATIVE_INFINITY;
  /** Packets that found no port, since nobody had been told. */
  #untold = 0;
  #problem: string | null = null;

  constructor(options: MasqueradeOptions) {
    this.#options = options;
    this.enabled = options.enabled;
    this.#exhausted = options.nat.counts().exhausted;
  }

  /** Addresses by device. */
  get devices(): ReadonlyMap<string, MasqueradeAddresses> {
    return this.#devices;
  }

  get counts(): NatCounts {
    return this.#options.nat.counts();
  }

  /** Brings the kernel to these devices and the addresses that they have now. Idempotent. */
  reconcile(devices: readonly Link[]): void {
    const { table, nat, enabled, pods, excluded, own, addresses, failed } = this.#options;
    const there = table.ranges();
    const all = enabled ? addresses() : [];
    // Packets of a device without Ethernet headers are not looked into.
    const used = enabled ? devices.filter(({ mac }) => mac !== null) : [];
    const byDevice = used.map(({ index, name }) => ({ index, name, addresses: primaryAddresses(all, index) }));
    const masquerading = byDevice
      .flatMap(({ addresses: { ipv4, ipv6 } }) => [ipv4, ipv6])
      .filter((one) => one !== null);
    const wanted = enabled
      ? masqueradeRanges({ pods: pods(), excluded, own: own(), masquerading })
      : new Map<string, MasqueradeFlags>();
    const pairs = new Map(byDevice.map(({ index, addresses: pair }) => [index, pair] as const));
    this.#problem = write(table, wanted, pairs);
    table.removeRanges([...there.keys()].filter((prefix) => !wanted.has(prefix)));
    this.#devices = new Map(byDevice.map(({ name, addresses: pair }) => [name, pair]));

    const isGone = (prefix: string): boolean => wanted.get(prefix)?.node !== true;
    const gone = [...there]
      .filter(([prefix, { node }]) => node && isGone(prefix))
      .map(([prefix]) => prefix.split("/")[0]);
    if (gone.length > 0) {
      void nat
        .removeAddresses(gone.filter((address) => address !== undefined))
        .catch((error: unknown) => failed(error, `remove mappings to ${gone.join()}`));
    }
  }

  /** Looks whether ports have run out. To be called now and then, so that it is told when it happens. */
  observe(): void {
    const { nat, now } = this.#options;
    const { exhausted } = nat.counts();
    if (now() - this.#exhaustedSince > exhaustionTold) this.#untold = 0;
    if (exhausted <= this.#exhausted) return;
    this.#untold += exhausted - this.#exhausted;
    this.#exhausted = exhausted;
    this.#exhaustedSince = now();
  }

  /** What is wrong, in sentences. */
  problems(): string[] {
    this.observe();
    const full = this.#problem === null ? [] : [this.#problem];
    if (this.#untold === 0) return full;
    return [
      ...full,
      `no port of the node's was free for packets of pods, ${this.#untold} of them in the last minutes, because too many flows go to one destination; ` +
        "they were dropped (NO_MAPPING_FOR_NAT_MASQUERADE); weir bpf nat list shows the flows, --masquerade-ports widens the range",
    ];
  }
}

/** Ranges first: what comes back is known before anything leaves. Says in a sentence what has no room. */
function write(
  table: MasqueradeTable,
  ranges: ReadonlyMap<string, MasqueradeFlags>,
  devices: ReadonlyMap<number, MasqueradeAddresses>,
): string | null {
  const full = (act: () => void): boolean => {
    try {
      act();
      return false;
    } catch (error) {
      if (!(error instanceof BpfError) || error.code !== "full") throw error;
      return true;
    }
  };
  const noRange = full(() => table.writeRanges(ranges));
  const noDevice = full(() => table.setDevices(devices));
  const made = `${ranges.size} ranges by --masquerade-exclude and the node's addresses`;
  if (noRange) return `not all ${made} have room: some destinations are masqueraded that should not be; name fewer`;
  return noDevice ? `not all ${devices.size} devices have room: pods keep their addresses by some; name fewer` : null;
}
