import { join } from "node:path";
import { BpfMap, bytes, MapHandle } from "libbpf-ts";
import type { ConnectionTuple, EndJudgement, Judgement, Judgements } from "#agent/proxy/judgement.ts";
import {
  ConnectionEnd,
  type ConntrackEnd,
  conntrackEnd,
  conntrackEntry,
  type ConntrackEntry,
  ConntrackEntryView,
  conntrack4Key,
  conntrack6Key,
  ConnectionProxied,
  Verdict,
} from "./layouts.gen.ts";
import { connectionKey, type MapKey } from "./tuple.ts";

const protocolNumbers = { TCP: 6, UDP: 17 } as const;

/** A connection that was asked about. */
interface Asked {
  readonly map: BpfMap<Uint8Array, ConntrackEntry>;
  readonly key: Uint8Array;
  /** The entry's ends as they were when it was asked about last. */
  readonly ends: Uint8Array;
  judgement: Judgement | null;
}

/** Where the two ends stand in an entry: what is said of them is said anew only when these bytes are others. */
const [endsAt, endsSize] = [endsOffset(), ConnectionEnd.ENDS * conntrackEnd.size];

/** What the datapath keeps of connections, read in the pinned maps by whoever has a right to: the proxy. */
export class KernelJudgements implements Judgements, Disposable {
  readonly #handles: readonly MapHandle[];
  readonly #maps: Readonly<Record<string, BpfMap<Uint8Array, ConntrackEntry>>>;
  /** By tuple object: a connection is asked about with each of its requests. */
  readonly #asked = new WeakMap<ConnectionTuple, Asked>();
  readonly #value = new Uint8Array(conntrackEntry.size);
  readonly #entry = new ConntrackEntryView(new DataView(this.#value.buffer), 0);
  readonly #ends = this.#value.subarray(endsAt, endsAt + endsSize);

  /** @param pinFolder of the datapath. @throws BpfError `not-found` where it is not loaded. */
  constructor(pinFolder: string) {
    const open = (name: string): MapHandle => MapHandle.openPinned(join(pinFolder, "maps", name), name);
    const [ipv4, ipv6] = [open("conntrack4"), open("conntrack6")];
    this.#handles = [ipv4, ipv6];
    this.#maps = {
      conntrack4: new BpfMap(ipv4, bytes(conntrack4Key.size), conntrackEntry),
      conntrack6: new BpfMap(ipv6, bytes(conntrack6Key.size), conntrackEntry),
    };
  }

  /** The same object as the time before where the datapath says the same. */
  of(tuple: ConnectionTuple): Judgement | null {
    let asked = this.#asked.get(tuple);
    if (!asked) this.#asked.set(tuple, (asked = this.#ask(tuple)));
    if (!asked.map.read(asked.key, this.#value)) return null;
    const { cut, proxied } = this.#entry;
    if (cut !== 0 || proxied === ConnectionProxied.NOT || proxied === ConnectionProxied.OPEN) return null;
    if (asked.judgement && Buffer.compare(asked.ends, this.#ends) === 0) return asked.judgement;
    const [source, destination] = this.#entry.end;
    asked.ends.set(this.#ends);
    asked.judgement = {
      source: judgementOf(source, destination.peerIdentity),
      destination: judgementOf(destination, source.peerIdentity),
    };
    return asked.judgement;
  }

  #ask(tuple: ConnectionTuple): Asked {
    const { map, key } = keyOf(tuple);
    const handle = this.#maps[map];
    if (!handle) throw new Error(`ask about a connection: there is no map ${map}`);
    return { map: handle, key, ends: new Uint8Array(endsSize), judgement: null };
  }

  [Symbol.dispose](): void {
    for (const handle of this.#handles) handle[Symbol.dispose]();
  }
}

/** The generated codec knows it: the first byte that an end's first rule changes. */
function endsOffset(): number {
  const encoded = (rule: number): Uint8Array => {
    const value = new Uint8Array(conntrackEntry.size);
    const empty = conntrackEntry.decode(new DataView(value.buffer), 0);
    const [source, destination] = empty.end;
    conntrackEntry.encode(
      { ...empty, end: [{ ...source, rules: [rule, 0, 0] }, destination] },
      new DataView(value.buffer),
      0,
    );
    return value;
  };
  const none = encoded(0);
  return encoded(1).findIndex((byte, at) => byte !== none[at]);
}

function keyOf({ protocol, sourceAddress, sourcePort, destinationAddress, destinationPort }: ConnectionTuple): MapKey {
  return connectionKey({
    family: sourceAddress.includes(":") ? 6 : 4,
    source: sourceAddress,
    destination: destinationAddress,
    sourcePort,
    destinationPort,
    protocol: protocolNumbers[protocol],
  });
}

/** @param identity of this end: whom the other one has been judged to speak with. */
function judgementOf({ endpoint, verdict, plain, rules }: ConntrackEnd, identity: number): EndJudgement {
  return {
    endpoint,
    identity,
    isRedirected: verdict === Verdict.REDIRECT,
    isPlain: plain !== 0,
    references: rules.filter((rule) => rule !== 0),
  };
}
