import { ANY_PEER, type EntryDecision, type PolicyEntry } from "#policy/compile/entry.ts";
import { type Direction, NORMAL_PRECEDENCE, type Rule, type Verdict } from "#policy/model/rule.ts";
import type { PortSegment } from "#policy/simulate/port-segments.ts";

/** What one end says of each segment of ports, in their order. */
export interface EndDecisions {
  readonly verdicts: readonly Verdict[];
  /** Those that decide; empty where no rule does. */
  readonly rules: readonly (readonly Rule[])[];
  /** Of a redirect: what requests must be like, as a text that is the same for the same; of other verdicts empty. */
  readonly requests: readonly string[];
}

/** The entries of one peer: numbered within the policy, and as a text without their rules. */
interface PeerEntries {
  readonly number: number;
  readonly shape: string;
  readonly painted: (PolicyEntry | null)[];
}

const NO_RULES: readonly Rule[] = [];

/** One policy map, asked for all segments of ports at once. Judges as the kernel does: see `PolicyMap`. */
export class EndPolicy {
  readonly #segments: readonly PortSegment[];
  readonly #byPeer: Readonly<Record<Direction, ReadonlyMap<number, PeerEntries>>>;
  readonly #decisions = new Map<string, EndDecisions>();

  constructor(entries: readonly PolicyEntry[], segments: readonly PortSegment[]) {
    this.#segments = segments;
    this.#byPeer = { ingress: this.#group(entries, "ingress"), egress: this.#group(entries, "egress") };
  }

  /** Names what a policy says of peers that are looked up by these numbers: with equal keys it says the same. */
  key(direction: Direction, peers: readonly number[]): string {
    return peers.map((peer) => this.#byPeer[direction].get(peer)?.number ?? 0).join(",");
  }

  /** With equal shapes two policies have the same verdicts, and let the same requests pass, if perhaps by other rules. */
  shape(direction: Direction, peers: readonly number[]): string {
    const shapes = [...peers, ANY_PEER].flatMap((peer) => this.#byPeer[direction].get(peer)?.shape ?? []);
    return shapes.sort().join("|");
  }

  /** What it says to a peer that is looked up by several numbers, and as anybody. */
  decisions(direction: Direction, peers: readonly number[]): EndDecisions {
    const key = `${direction} ${this.key(direction, peers)}`;
    let decisions = this.#decisions.get(key);
    if (!decisions) this.#decisions.set(key, (decisions = this.#decide(direction, peers)));
    return decisions;
  }

  #decide(direction: Direction, peers: readonly number[]): EndDecisions {
    const painted = [...peers, ANY_PEER].flatMap((peer) => {
      const found = this.#byPeer[direction].get(peer);
      return found ? [found.painted] : [];
    });
    const verdicts: Verdict[] = [];
    const rules: (readonly Rule[])[] = [];
    const requests: string[] = [];
    for (const segment of this.#segments.keys()) {
      const own = painted.flatMap((list) => list[segment] ?? []);
      let said: readonly EntryDecision[] = own;
      let decision = highest(said);
      if (decision[0]?.verdict === "pass") decision = highest((said = own.flatMap(({ below }) => below ?? [])));
      const verdict = decision[0]?.verdict ?? "deny";
      verdicts.push(verdict === "pass" ? "deny" : verdict);
      rules.push(decision.length > 1 ? decision.flatMap((one) => one.rules) : (decision[0]?.rules ?? NO_RULES));
      requests.push(verdict === "redirect" ? requestsOf(decision, said) : "");
    }
    return { verdicts, rules, requests };
  }

  #group(entries: readonly PolicyEntry[], direction: Direction): Map<number, PeerEntries> {
    const lists = new Map<number, PolicyEntry[]>();
    for (const entry of entries) {
      if (entry.direction !== direction) continue;
      const list = lists.get(entry.peer);
      if (list) list.push(entry);
      else lists.set(entry.peer, [entry]);
    }
    const known = new Map<string, PeerEntries>();
    const ruleSets = new Map<readonly Rule[], number>();
    const numberOf = (rules: readonly Rule[]): number => {
      let number = ruleSets.get(rules);
      if (number === undefined) ruleSets.set(rules, (number = ruleSets.size));
      return number;
    };
    const groups = new Map<number, PeerEntries>();
    for (const [peer, list] of lists) {
      const text = list.map(
        (entry) => `${numberOf(entry.rules)} ${shapeOf(entry)} ${entry.below && numberOf(entry.below.rules)}`,
      );
      const key = text.join(";");
      let group = known.get(key);
      if (!group) {
        const shape = list.map(shapeOf).sort().join(";");
        known.set(key, (group = { number: known.size + 1, shape, painted: this.#paint(list) }));
      }
      groups.set(peer, group);
    }
    return groups;
  }

  /** The longest match for each segment. */
  #paint(entries: readonly PolicyEntry[]): (PolicyEntry | null)[] {
    const painted = new Array<PolicyEntry | null>(this.#segments.length).fill(null);
    const length = ({ protocol, portBits }: PolicyEntry): number => (protocol === 0 ? -1 : portBits);
    for (const entry of [...entries].sort((a, b) => length(a) - length(b))) {
      const { protocol, port, portBits } = entry;
      const last = port + (1 << (16 - portBits)) - 1;
      for (const [i, { number, first }] of this.#segments.entries()) {
        if (protocol === 0 || (protocol === number && first >= port && first <= last)) painted[i] = entry;
      }
    }
    return painted;
  }
}

/** Of several, those with the highest precedence. */
function highest<T extends EntryDecision>(decisions: readonly T[]): readonly T[] {
  let best: T[] = [];
  for (const decision of decisions) {
    const precedence = best[0]?.precedence ?? -1;
    if (decision.precedence > precedence) best = [decision];
    else if (decision.precedence === precedence) best.push(decision);
  }
  return best;
}

function shapeOf({ protocol, port, portBits, below, ...decision }: PolicyEntry): string {
  return `${protocol} ${port} ${portBits} ${decisionShape(decision)} ${below ? decisionShape(below) : ""}`;
}

function decisionShape(decision: EntryDecision): string {
  const { precedence, verdict } = decision;
  return verdict === "redirect" ? `${precedence} ${requestsOf([decision], [decision])}` : `${precedence}`;
}

/** @param said By all look-ups: an allow of the same tier beside a redirect lets every request pass. */
function requestsOf(decisions: readonly EntryDecision[], said: readonly EntryDecision[]): string {
  const isPlain = ({ verdict, precedence }: EntryDecision): boolean =>
    verdict === "allow" && precedence >= NORMAL_PRECEDENCE;
  if (decisions.some((one) => one.isPlain) || said.some(isPlain)) return "any";
  return [...new Set(decisions.flatMap(({ rules }) => rules.flatMap(requestTexts)))].sort().join("\n");
}

const known = new WeakMap<Rule, readonly string[]>();

/** What a rule asks of requests, any of which is enough. */
function requestTexts(rule: Rule): readonly string[] {
  let texts = known.get(rule);
  if (!texts) {
    const { l7, serverNames } = rule;
    texts = l7 ? l7.rules.map((one) => JSON.stringify([l7.family, one])) : serverNames.map((name) => `tls ${name}`);
    known.set(rule, texts);
  }
  return texts;
}
