import { ApiError } from "#agent/api/errors.ts";
import type { EarlyHooks, PrefilterTable } from "#agent/datapath/kernel.ts";
import type { Link } from "#agent/netlink/link.ts";
import { readList, writeList } from "#agent/runtime/kept-list.ts";
import { type Cidr, cidrContains, formatCidr, hostCidr, parseAddress, parseCidr } from "#policy/model/cidr.ts";

export interface PrefilterOptions {
  readonly table: PrefilterTable;
  readonly hooks: EarlyHooks;
  /** Where the list is kept. */
  readonly path: string;
  /** False: tc does it on all devices. */
  readonly useXdp: boolean;
  /** The node's addresses and its pods' ranges now: what must not be listed. */
  readonly own: () => readonly string[];
}

/** What is done with one device: by whom its packets are looked at. */
export type PrefilterHook = "xdp" | "tc";

/**
 * Addresses that the node's devices take nothing from. The list is kept in a file; the kernel's map is brought
 * to it, and the program to the devices as long as the list is not empty.
 */
export class Prefilter {
  readonly #options: PrefilterOptions;
  #prefixes: ReadonlySet<string>;
  #hooks = new Map<string, PrefilterHook>();
  #devices: readonly Link[] = [];
  readonly #problem: string | null;

  constructor(options: PrefilterOptions) {
    this.#options = options;
    const file = readList(options.path, (text) => parseCidr(text) !== null);
    // What cannot be read leaves the kernel's list as it is: it may be the stricter one.
    this.#problem = file.ok || file.missing ? null : `${file.message}; the list that the kernel has stays in force`;
    this.#prefixes = new Set(file.ok ? file.value : this.#problem === null ? [] : options.table.read());
  }

  /** Sorted. */
  get prefixes(): readonly string[] {
    return [...this.#prefixes].toSorted();
  }

  /** By device. */
  get hooks(): ReadonlyMap<string, PrefilterHook> {
    return this.#hooks;
  }

  /** What is wrong, in sentences. */
  problems(): string[] {
    const { own } = this.#options;
    const listed = this.#listedOwn([...this.#prefixes], own());
    return [
      ...(this.#problem === null ? [] : [this.#problem]),
      ...listed.map(([prefix, address]) => `the prefilter has ${prefix}, in which ${address} of this node is`),
      ...(this.#prefixes.size > 0 && this.#devices.length === 0
        ? ["the prefilter has a list, but this node has no device that it knows of; name one by --device"]
        : []),
    ];
  }

  /**
   * Adds prefixes. Idempotent; none is added when one is refused.
   *
   * @throws ApiError `bad-request`, `conflict`, `too-large`.
   */
  add(texts: readonly string[]): readonly string[] {
    const prefixes = texts.map((text) => formatCidr(parse(text)));
    const [first] = this.#listedOwn(prefixes, this.#options.own());
    if (first !== undefined) {
      const [prefix, address] = first;
      throw new ApiError("conflict", {
        asked: `add ${prefix} to the prefilter`,
        obstacle: `${address} of this node is in it`,
        remedy: "name smaller ranges beside it",
      });
    }
    const all = new Set([...this.#prefixes, ...prefixes]);
    const { capacity } = this.#options.table;
    if (all.size > capacity) {
      const obstacle = `${all.size} ranges would be listed, and ${capacity} have room`;
      const remedy = "raise --prefilter-entries";
      throw new ApiError("too-large", { asked: `add ${texts.length} ranges to the prefilter`, obstacle, remedy });
    }
    this.#keep(all);
    return prefixes;
  }

  /** Takes prefixes out. @throws ApiError `bad-request`; `not-found` when one is not listed: then none is taken out. */
  delete(texts: readonly string[]): readonly string[] {
    const prefixes = texts.map((text) => formatCidr(parse(text)));
    const missing = prefixes.find((prefix) => !this.#prefixes.has(prefix));
    if (missing !== undefined) {
      throw new ApiError("not-found", { asked: `delete ${missing} from the prefilter`, obstacle: "it is not listed" });
    }
    const gone = new Set(prefixes);
    this.#keep(new Set([...this.#prefixes].filter((prefix) => !gone.has(prefix))));
    return prefixes;
  }

  /** Brings the kernel to the list, and the program to these devices. Idempotent. */
  reconcile(devices: readonly Link[]): void {
    const { table, hooks, useXdp } = this.#options;
    this.#devices = devices;
    const there = new Set(table.read());
    // First what goes: a full map has no room for what comes.
    table.remove([...there].filter((prefix) => !this.#prefixes.has(prefix)));
    table.add([...this.#prefixes].filter((prefix) => !there.has(prefix)));
    const wanted = this.#prefixes.size > 0 ? devices : [];
    this.#hooks = new Map(
      wanted.map(({ index, name }) => [name, useXdp && hooks.attach(index, name) ? "xdp" : "tc"] as const),
    );
    hooks.setTc([...this.#hooks.values()].includes("tc"));
    for (const name of hooks.list()) if (this.#hooks.get(name) !== "xdp") hooks.detach(name);
  }

  #keep(prefixes: ReadonlySet<string>): void {
    writeList(this.#options.path, [...prefixes].toSorted());
    this.#prefixes = prefixes;
    this.reconcile(this.#devices);
  }

  /** Pairs of a prefix and an own address, or range, that overlap. */
  #listedOwn(prefixes: readonly string[], own: readonly string[]): [string, string][] {
    const ranges = own.map((text): [string, Cidr] => [text, rangeOf(text)]);
    return prefixes.flatMap((prefix) => {
      const cidr = rangeOf(prefix);
      const found = ranges.find(([, range]) => cidrContains(cidr, range) || cidrContains(range, cidr));
      return found ? [[prefix, found[0]] as [string, string]] : [];
    });
  }
}

/** Of an address or a range that is known to be one. */
function rangeOf(text: string): Cidr {
  const address = parseAddress(text);
  const cidr = address === null ? parseCidr(text) : hostCidr(address);
  if (cidr === null) throw new Error(`read range ${text}: it is none`);
  return cidr;
}

function parse(text: string): Cidr {
  const address = parseAddress(text);
  const cidr = address === null ? parseCidr(text) : hostCidr(address);
  if (cidr !== null && cidr.bits > 0) return cidr;
  throw new ApiError("bad-request", {
    asked: `read "${text}"`,
    obstacle: cidr === null ? "it is neither an address nor a range" : "it is everybody",
    remedy: "198.51.100.7, 198.51.100.0/24 or 2001:db8::/32 are wanted",
  });
}
