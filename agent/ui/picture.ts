import type { FlowRecord } from "#agent/flows/record.ts";
import { layer4Name } from "#agent/flows/layer4.ts";
import type { LiveFrame, MapEdge, MapParty, Outcome } from "./frame.ts";
import { endsOf, outcomeOf } from "./party.ts";

/** More parties than a map can show; those that come later are one. */
const mostParties = 100;
const others: MapParty = { id: "others", namespace: null, name: "others" };
/** Services that an edge names. */
const mostServices = 4;
/** Rows of a frame. */
const mostRows = 20;

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly outcome: Outcome;
  readonly services: Set<string>;
  flows: number;
}

/** Flows as one reader sees them: all of them on a map, the newest in a table. Its size is bounded. */
export class Picture {
  readonly #parties = new Set<string>();
  readonly #edges = new Map<string, Edge>();
  #newParties: MapParty[] = [];
  #changed = new Set<Edge>();
  #rows: FlowRecord[] = [];
  #matched = 0;

  /** @param record one that stays right. */
  add(record: FlowRecord, { inTable, isNew }: { readonly inTable: boolean; readonly isNew: boolean }): void {
    const { from, to } = endsOf(record);
    const edge = this.#edge(this.#party(from), this.#party(to), outcomeOf(record));
    edge.flows++;
    this.#changed.add(edge);
    if (edge.services.size < mostServices) edge.services.add(serviceOf(record));
    if (!inTable) return;
    if (isNew) this.#matched++;
    this.#rows.push(record);
    if (this.#rows.length > 2 * mostRows) this.#rows.splice(0, this.#rows.length - mostRows);
  }

  /** What has changed since the last time. */
  take(): Pick<LiveFrame, "parties" | "edges" | "matched"> & { readonly rows: readonly FlowRecord[] } {
    const edges = [...this.#changed].map((edge): MapEdge => ({ ...edge, services: [...edge.services] }));
    const taken = { parties: this.#newParties, edges, matched: this.#matched, rows: this.#rows.slice(-mostRows) };
    this.#newParties = [];
    this.#changed = new Set();
    this.#rows = [];
    this.#matched = 0;
    return taken;
  }

  #party(party: MapParty): string {
    if (this.#parties.has(party.id)) return party.id;
    const shown = this.#parties.size < mostParties ? party : others;
    if (!this.#parties.has(shown.id)) {
      this.#parties.add(shown.id);
      this.#newParties.push(shown);
    }
    return shown.id;
  }

  #edge(from: string, to: string, outcome: Outcome): Edge {
    const key = JSON.stringify([from, to, outcome]);
    let edge = this.#edges.get(key);
    if (!edge) this.#edges.set(key, (edge = { from, to, outcome, services: new Set(), flows: 0 }));
    return edge;
  }
}

/** `TCP 80`; of replies the port that was asked. */
function serviceOf({ event }: FlowRecord): string {
  const name = layer4Name(event) ?? "other";
  if (name !== "TCP" && name !== "UDP" && name !== "SCTP") return name;
  return `${name} ${event.isReply === 0 ? event.destinationPort : event.sourcePort}`;
}
