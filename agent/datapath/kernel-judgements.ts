import { join } from "node:path";
import { BpfMap, bytes, MapHandle } from "libbpf-ts";
import type { ConnectionTuple, EndJudgement, Judgement, Judgements } from "#agent/proxy/judgement.ts";
import {
  type ConntrackEnd,
  conntrackEntry,
  type ConntrackEntry,
  conntrack4Key,
  conntrack6Key,
  ConnectionProxied,
  Verdict,
} from "./layouts.gen.ts";
import { connectionKey, type MapKey } from "./tuple.ts";

const protocolNumbers = { TCP: 6, UDP: 17 } as const;

/** What the datapath keeps of connections, read in the pinned maps by whoever has a right to: the proxy. */
export class KernelJudgements implements Judgements, Disposable {
  readonly #handles: readonly MapHandle[];
  readonly #maps: Readonly<Record<string, BpfMap<Uint8Array, ConntrackEntry>>>;
  /** By tuple object: a connection is asked about with each of its requests. */
  readonly #keys = new WeakMap<ConnectionTuple, MapKey>();

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

  of(tuple: ConnectionTuple): Judgement | null {
    let key = this.#keys.get(tuple);
    if (!key) this.#keys.set(tuple, (key = keyOf(tuple)));
    const entry = this.#maps[key.map]?.get(key.key);
    if (
      !entry ||
      entry.cut !== 0 ||
      entry.proxied === ConnectionProxied.NOT ||
      entry.proxied === ConnectionProxied.OPEN
    )
      return null;
    const [source, destination] = entry.end;
    return {
      source: judgementOf(source, destination.peerIdentity),
      destination: judgementOf(destination, source.peerIdentity),
    };
  }

  [Symbol.dispose](): void {
    for (const handle of this.#handles) handle[Symbol.dispose]();
  }
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
