import { nameTokenOf } from "#policy/model/address-token.ts";
import { formatCidr, hostCidr, parseAddress } from "#policy/model/cidr.ts";
import { NameIndex } from "#policy/model/name-index.ts";
import { isOrdinaryAddress } from "#policy/model/ordinary-address.ts";
import type { AgentAway } from "./admissions.ts";
import type { AwayJournal } from "./away-journal.ts";
import { type Admission, type DnsAnswer, lifetime, type NameClass, type NameRules } from "./names.ts";

interface AddressEntry {
  readonly identity: number;
  readonly addressClass: number;
}

/** The proxy's one narrow right in the datapath; see `KernelNamedAddresses`. Prefixes are host routes. */
export interface NamedAddressWriter {
  generation(): bigint;
  lookup(prefix: string): AddressEntry | undefined;
  write(prefix: string, entry: AddressEntry): void;
}

export interface AwayNamesOptions {
  readonly journal: Pick<AwayJournal, "lock" | "append">;
  /** Opens it, when it is needed for the first time. */
  readonly writer: () => NamedAddressWriter;
  /** Who an address is that nobody claims: the reserved identity `world`. */
  readonly fallback: number;
  /** Boot time, ms. */
  readonly now: () => number;
  /** Told of whatever the kernel or the disk say. */
  readonly failed: (error: unknown) => void;
}

/** Addresses of answers that are admitted while the agent is away: of one endpoint's questions, and of all together. */
const OF_ENDPOINT = 16_384;
const IN_ALL = 131_072;

/** Admits what DNS answers say while no agent is there, as far as policy knows the classes that their names need. */
export class AwayNames implements AgentAway {
  readonly #options: AwayNamesOptions;
  #writer: NamedAddressWriter | null = null;
  #rules: NameRules | null = null;
  #index = new NameIndex([]);
  #classes = new Map<number, NameClass>();
  #bySet = new Map<string, NameClass>();
  /** Addresses since an agent was last here, by endpoint. */
  readonly #admitted = new Map<number, number>();
  #inAll = 0;

  constructor(options: AwayNamesOptions) {
    this.#options = options;
  }

  get rules(): NameRules | null {
    return this.#rules;
  }

  set rules(rules: NameRules | null) {
    const classes = rules?.classes ?? [];
    this.#rules = rules;
    this.#admitted.clear();
    this.#inAll = 0;
    this.#index = new NameIndex(rules?.patterns ?? []);
    this.#classes = new Map(classes.map((one) => [one.number, one]));
    this.#bySet = new Map(classes.map((one) => [one.tokens.join(), one]));
  }

  admit(answer: DnsAnswer): Admission | null {
    try {
      return this.#admit(answer);
    } catch (error) {
      this.#options.failed(error);
      return "refused";
    }
  }

  #admit({ name, addresses, endpoint }: DnsAnswer): Admission | null {
    const { journal, now } = this.#options;
    using lock = journal.lock();
    if (!lock) return null;
    const rules = this.#rules;
    if (rules === null) return "refused";
    const writer = (this.#writer ??= this.#options.writer());
    // Of another policy than the one in force nobody here knows what its classes are.
    if (rules.generation !== String(writer.generation())) return "refused";
    const tokens = this.#index.matching(name).map(nameTokenOf);
    const wanted = addresses.map(({ address }) => this.#wanted(address, tokens, rules, writer));
    if (wanted.includes("unknown") || !this.#hasRoom(endpoint, addresses.length)) return "refused";
    const until = (ttl: number): number => now() + lifetime(ttl, rules.minTtl);
    // First, because the agent takes out of the kernel what it knows nothing of.
    const said = { name, addresses: addresses.map(({ address, ttl }) => [address, until(ttl)] as [string, number]) };
    if (!journal.append({ ...said, endpoint })) return "refused";
    for (const one of wanted) if (typeof one === "object") writer.write(one.prefix, one.entry);
    return "admitted";
  }

  /** Of the file and of the kernel's table everybody is to have a share. */
  #hasRoom(endpoint: number, addresses: number): boolean {
    const own = (this.#admitted.get(endpoint) ?? 0) + addresses;
    if (own > OF_ENDPOINT || this.#inAll + addresses > IN_ALL) return false;
    this.#admitted.set(endpoint, own);
    this.#inAll += addresses;
    return true;
  }

  /** What is to be written for an address; `nothing`: it has what it shall have. */
  #wanted(
    text: string,
    tokens: readonly string[],
    { outside, grantsInside }: NameRules,
    writer: NamedAddressWriter,
  ): { prefix: string; entry: AddressEntry } | "nothing" | "unknown" {
    const address = parseAddress(text);
    if (tokens.length === 0 || !address || !isOrdinaryAddress(address)) return "nothing";
    const prefix = formatCidr(hostCidr(address));
    const { identity, addressClass } = writer.lookup(prefix) ?? {
      identity: this.#options.fallback,
      addressClass: 0,
    };
    if (!outside.includes(identity) && !grantsInside) return "nothing";
    const present = addressClass === 0 ? [] : this.#classes.get(addressClass)?.tokens;
    if (!present) return "unknown";
    if (tokens.every((token) => present.includes(token))) return "nothing";
    const set = [...new Set([...present, ...tokens])].sort();
    const found = this.#bySet.get(set.join());
    return found?.isLasting ? { prefix, entry: { identity, addressClass: found.number } } : "unknown";
  }
}
