import { type Decision, Evaluator, type NearMiss } from "#policy/explain/evaluate.ts";
import type { Flow } from "#policy/model/flow.ts";
import type { FlowProtocol } from "#policy/model/protocol.ts";
import type { Direction } from "#policy/model/rule.ts";
import { type Family, type PartyMember, isSameMember, partyOf } from "#policy/simulate/party-class.ts";
import type { PortSegment } from "#policy/simulate/port-segments.ts";
import type { World } from "#policy/simulate/world.ts";
import type { ChangeItem } from "./change-item.ts";
import { isPossible } from "./pair-change.ts";
import type { ExampleFlow } from "./policy-change.ts";

/** One connection of a change, as each of the sides sees it. */
export interface Sample {
  readonly flows: readonly [before: Flow, after: Flow];
  readonly told: ExampleFlow;
}

/** Where nothing else is asked, what people would try first. */
const USUAL: Readonly<Partial<Record<PortSegment["protocol"], number>>> = { TCP: 80, UDP: 53, ICMP: 8, ICMPv6: 128 };

/** One connection from one item to another; null where none can be named. */
export function sampleOf(
  source: ChangeItem,
  destination: ChangeItem,
  family: Family | null,
  segments: readonly PortSegment[],
): Sample | null {
  const from = source.item.party.members[0];
  // Nobody's traffic with itself is judged.
  const to = from && destination.item.party.members.find((member) => !isSameMember(from, member));
  const chosen = portOf(segments.filter((segment) => isPossible(segment, family === null ? [] : [family])));
  if (!from || !to || !chosen) return null;
  const flow = (world: number): Flow | null => {
    const ends = [partyAt(source, from, family, world), partyAt(destination, to, family, world)] as const;
    return ends[0] && ends[1] ? { source: ends[0], destination: ends[1], ...chosen } : null;
  };
  const [before, after] = [flow(0), flow(1)];
  if (!before || !after) return null;
  const told = {
    from: textOf(source, from, family, after.source.address),
    to: textOf(destination, to, family, after.destination.address),
    kinds: [source.item.party.kind, destination.item.party.kind] as const,
    names: [...source.names, ...destination.names],
    ...chosen,
    canBeEvaluated: [source, destination].every(isResolved),
  };
  return { flows: [before, after], told };
}

function partyAt({ item, names }: ChangeItem, member: PartyMember, family: Family | null, world: number) {
  const party = partyOf(member, item.face, family, world);
  return party && (names.length > 0 ? { ...party, names } : party);
}

function portOf(segments: readonly PortSegment[]): { protocol: FlowProtocol; port: number } | null {
  const usual = segments.find(({ protocol, first, last }) => {
    const port = USUAL[protocol];
    return port !== undefined && first <= port && port <= last;
  });
  const segment = usual ?? segments.find(({ example }) => example !== null);
  if (!segment?.example) return null;
  return { protocol: segment.example, port: (usual && USUAL[usual.protocol]) ?? segment.first };
}

function textOf({ item }: ChangeItem, { name, ends }: PartyMember, family: Family | null, address?: string): string {
  if (item.party.kind !== "pod") return address ?? name;
  // By its name a pod is taken by IPv4, if it has that.
  const isPlain = family !== 6 || !ends.some((end) => end.family === 4);
  return isPlain ? name : (address ?? name);
}

/** Whether by its name or address alone it is known who it is. */
function isResolved({ item: { party }, condition }: ChangeItem): boolean {
  if (condition) return false;
  if (party.kind === "pod") return true;
  return party.kind === "world" ? party.cells.length > 0 : party.kind !== "host" && party.cells.length === 0;
}

/** Says why, for examples. */
export class Explanations {
  readonly #after: Evaluator;
  readonly #isPromoted: boolean;

  /** @param isPromoted As if what is staged were in force. */
  constructor(after: World, options: ConstructorParameters<typeof Evaluator>[1], isPromoted: boolean) {
    this.#after = new Evaluator(after.objects, options);
    this.#isPromoted = isPromoted;
  }

  /** What would nearly let a connection through that the ends deny by default; null where a rule denies it. */
  nearest(flow: Flow, ends: readonly Direction[]): NearMiss | null {
    const evaluation = this.#after.evaluate(flow);
    const decisions = ends.map((end): Decision => {
      const { staged, ...enforced } = evaluation[end];
      return this.#isPromoted ? (staged ?? enforced) : enforced;
    });
    return decisions.find(({ nearest }) => nearest !== null)?.nearest ?? null;
  }
}
