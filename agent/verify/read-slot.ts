import type { MapImage } from "#agent/datapath/kernel.ts";
import {
  Direction as DirectionNumber,
  type PolicyDecision,
  policyEntry,
  type PolicyEntry,
  policyKey,
  PolicyPrefix,
  PolicyTier,
  Verdict,
} from "#agent/datapath/layouts.gen.ts";
import type { Direction } from "#policy/model/rule.ts";

/** What the datapath makes of a connection at one end. */
export interface Judgement {
  readonly verdict: "allow" | "deny" | "redirect";
  /** Of the rules that decide; none is 0. */
  readonly references: readonly number[];
}

/** Whom a packet is from, or to, as the maps have it. */
export interface PeerNumbers {
  readonly identity: number;
  readonly addressClass: number;
}

const directions = { ingress: DirectionNumber.INGRESS, egress: DirectionNumber.EGRESS } as const;

/**
 * A slot as it was read back, and what `bpf/lib/policy.h` does with it: three look-ups of the longest
 * match, the highest precedence decides, a pass leaves it to what the three say below.
 */
export class ReadSlot {
  readonly #entries: readonly PolicyEntry[];
  /** Places of entries by prefix length, peer, and the rest of the key. */
  readonly #places = new Map<number, Map<number, Map<number, number>>>();
  /** Descending. */
  readonly #lengths: readonly number[];
  /** Places of a peer's entries, by the number of the direction. */
  readonly #ofPeer = new Map<number, Map<number, number[]>>();
  /** No entry is about several peers at once, as nobody makes them. */
  readonly #isRegular: boolean;
  readonly #signatures = new Map<readonly number[], string>();
  readonly #image: MapImage;
  readonly #now: bigint;

  /** @param now The boot time, ns, as of which it judges. */
  constructor(image: MapImage, now: bigint) {
    this.#image = image;
    this.#now = now;
    const keys = viewOf(image.keys);
    const values = viewOf(image.values);
    this.#entries = Array.from({ length: image.count }, (_, i) => policyEntry.decode(values, i * policyEntry.size));
    for (let i = 0; i < image.count; i++) {
      const { prefixlen, peer, direction, protocol, port } = policyKey.decode(keys, i * policyKey.size);
      const [high, low] = cut(peer, (direction << 24) | (protocol << 16) | port, prefixlen);
      place(this.#places, prefixlen, high).set(low, i);
      const byPeer = this.#ofPeer.get(direction) ?? new Map<number, number[]>();
      this.#ofPeer.set(direction, byPeer);
      const own = byPeer.get(peer);
      if (own) own.push(i);
      else byPeer.set(peer, [i]);
    }
    this.#lengths = [...this.#places.keys()].sort((a, b) => b - a);
    this.#isRegular = this.#lengths.every((length) => length >= PolicyPrefix.FIXED_BITS);
  }

  /**
   * Where ports begin, by protocol, that entries tell from those before: the finest cut that the slot makes.
   */
  *portStarts(direction: Direction): Generator<readonly [protocol: number, port: number]> {
    const keys = viewOf(this.#image.keys);
    for (let i = 0; i < this.#image.count; i++) {
      const key = policyKey.decode(keys, i * policyKey.size);
      const bits = key.prefixlen - PolicyPrefix.FIXED_BITS - PolicyPrefix.PROTOCOL_BITS;
      if (key.direction !== directions[direction] || bits <= 0) continue;
      const size = 2 ** (16 - bits);
      const first = key.port - (key.port % size);
      yield [key.protocol, first];
      yield [key.protocol, first + size];
    }
  }

  /** Equal for peers of whom the slot says the same in a direction. */
  signature(direction: Direction, peer: number): string {
    if (peer === 0) return "";
    if (!this.#isRegular) return String(peer);
    const own = this.#ofPeer.get(directions[direction])?.get(peer);
    if (!own) return "";
    let signature = this.#signatures.get(own);
    if (signature === undefined) {
      const texts = own.map((i) => this.#text(i));
      this.#signatures.set(own, (signature = texts.sort().join()));
    }
    return signature;
  }

  judge(direction: Direction, peer: PeerNumbers, protocol: number, port: number): Judgement {
    const rest = (directions[direction] << 24) | (protocol << 16) | port;
    const found = [peer.identity, peer.addressClass, 0].map((number, i) =>
      number === 0 && i < 2 ? undefined : this.#find(number, rest),
    );
    const { verdict, references } = judgeEntries(found, this.#now);
    // Whatever else stands in an entry lets the packet through.
    const word = verdict === Verdict.DENY ? "deny" : verdict === Verdict.REDIRECT ? "redirect" : "allow";
    return { verdict: word, references };
  }

  /** The longest match. */
  #find(peer: number, rest: number): PolicyEntry | undefined {
    for (const length of this.#lengths) {
      const [high, low] = cut(peer, rest, length);
      const i = this.#places.get(length)?.get(high)?.get(low);
      if (i !== undefined) return this.#entries[i];
    }
    return undefined;
  }

  /** An entry without its peer. */
  #text(i: number): string {
    const { prefixlen, protocol, port } = policyKey.decode(viewOf(this.#image.keys), i * policyKey.size);
    const { upper, below } = this.#entries[i] as PolicyEntry;
    const said = [upper, below].flatMap(({ verdict, precedence, rule, notAfter }) => [
      verdict,
      precedence,
      rule,
      notAfter,
    ]);
    return [prefixlen, protocol, port, ...said].join(" ");
  }
}

/** What the entries that the three look-ups found make of a packet together: `policy_judge` in `bpf/lib/policy.h`. */
export function judgeEntries(
  found: readonly (PolicyEntry | undefined)[],
  now: bigint,
): { verdict: number; references: readonly number[] } {
  const upper = found.map((entry) => entry?.upper);
  const decision = decide(upper, now);
  if (decision.verdict !== Verdict.PASS) return decision;
  const below = found.map((entry) => entry?.below);
  return decide(below, now);
}

/** Of three answers the highest precedence decides; all that have it are the reason. */
function decide(
  found: readonly (PolicyDecision | undefined)[],
  now: bigint,
): { verdict: number; references: number[] } {
  let highest = 0;
  let verdict: number = Verdict.DENY;
  let references: number[] = [];
  for (const said of found) {
    if (!said || said.precedence === 0) continue;
    const isOver = said.notAfter !== 0n && now >= said.notAfter;
    const isEndedAllow = isOver && isNormalAllow(said);
    const precedence = isEndedAllow ? PolicyTier.NORMAL : said.precedence;
    if (precedence < highest) continue;
    if (precedence > highest) {
      highest = precedence;
      verdict = isOver ? Verdict.DENY : said.verdict;
      references = [];
    }
    references.push(isEndedAllow ? 0 : said.rule);
  }
  return { verdict, references: references.filter((reference) => reference !== 0) };
}

function isNormalAllow({ verdict, precedence }: PolicyDecision): boolean {
  return verdict === Verdict.ALLOW && precedence >= PolicyTier.NORMAL && precedence < PolicyTier.ADMIN;
}

/** The leading bits of a key: its peer, and the direction, protocol and port behind it. */
function cut(peer: number, rest: number, bits: number): [high: number, low: number] {
  return bits <= 32 ? [leading(peer, bits), 0] : [peer, leading(rest, bits - 32)];
}

function leading(word: number, bits: number): number {
  return bits === 0 ? 0 : (word & (-1 << (32 - bits))) >>> 0;
}

function place(places: Map<number, Map<number, Map<number, number>>>, length: number, peer: number) {
  let byPeer = places.get(length);
  if (!byPeer) places.set(length, (byPeer = new Map()));
  let byRest = byPeer.get(peer);
  if (!byRest) byPeer.set(peer, (byRest = new Map()));
  return byRest;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
