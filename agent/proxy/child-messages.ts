/**
 * What the proxy's parent process and its children say to each other, a line each, on the Unix socket that a child has as
 * its descriptor {@link CHANNEL}. Both are the same program, so lines are not checked against a schema.
 */
import type { Admission, DnsAnswer, SpokenNames } from "./names.ts";
import type { ConnectionLimits } from "./proxied-connection.ts";
import type { RuleUpdate } from "./rule-book.ts";

/** The descriptor that a child has its end of the channel under; its listeners follow. */
export const CHANNEL = 3;

/** What a child is started with, as JSON in its first argument. */
export interface ChildOptions {
  /** Descriptors of sockets that are bound, and listen where they are of TCP: at most one of each family. */
  readonly listeners: readonly number[];
  /** Where the datapath's maps are pinned. */
  readonly bpffs: string;
  /** Connections that one client, an endpoint or an address, may have to this child. */
  readonly connectionsOfClient: number;
  readonly limits: ConnectionLimits;
  /** ms that connections have to end when the child drains. */
  readonly drainTime: number;
}

/** The options of this process. */
export function childOptions(): ChildOptions {
  return JSON.parse(process.argv[2] ?? "") as ChildOptions;
}

/** What one child has counted since its start; see `ProxyCounts`. */
export interface ChildCounts {
  open: number;
  accepted: number;
  refused: number;
  unknown: number;
  late: number;
  idle: number;
  unrecognised: number;
  unreachable: number;
  otherPort: number;
  foreign: number;
  unanswered: number;
  lostRecords: number;
}

/** With nothing counted yet. */
export function noCounts(): ChildCounts {
  return {
    open: 0,
    accepted: 0,
    refused: 0,
    unknown: 0,
    late: 0,
    idle: 0,
    unrecognised: 0,
    unreachable: 0,
    otherPort: 0,
    foreign: 0,
    unanswered: 0,
    lostRecords: 0,
  };
}

/** Adds to the first what the second has. */
export function addCounts(sum: ChildCounts, one: ChildCounts): void {
  for (const name of Object.keys(sum) as (keyof ChildCounts)[]) sum[name] += one[name];
}

/** To a child. The first line of all is `start`: before it a child takes no connections. */
export type ToChild =
  | {
      readonly type: "start";
      readonly revision: number;
      readonly update: RuleUpdate | null;
      readonly names: SpokenNames | null;
    }
  /** To be acknowledged by the revision, a number of the parent's own. */
  | { readonly type: "rules"; readonly revision: number; readonly update: RuleUpdate }
  /** See `ProxiedConnection.shownHeaders` and `HttpOptions`. */
  | { readonly type: "shown"; readonly headers: readonly string[]; readonly namesDenier: boolean }
  | { readonly type: "names"; readonly names: SpokenNames }
  | { readonly type: "admitted"; readonly id: number; readonly admission: Admission }
  | { readonly type: "drain" };

/** From a child, besides lines of records (see {@link recordsLine}). */
export type FromChild =
  /** It takes connections. */
  | { readonly type: "ready" }
  | { readonly type: "acknowledged"; readonly revision: number }
  /** Each {@link BEAT} ms. */
  | { readonly type: "beat"; readonly counts: ChildCounts }
  | { readonly type: "admit"; readonly id: number; readonly answer: DnsAnswer }
  /** Nobody waits for it. */
  | { readonly type: "heard"; readonly answer: DnsAnswer };

/** How often a child says that it works, in ms. */
export const BEAT = 100;

const RECORDS = 0x52;

/** Records as a line: their number and their JSON texts, which the parent passes on as they are. */
export function recordsLine(records: readonly string[]): string {
  return `R${records.length} ${records.join(",")}\n`;
}

/** Null: the line has no records. The texts are joined by commas. */
export function readRecordsLine(line: Buffer): { readonly count: number; readonly texts: Buffer } | null {
  if (line[0] !== RECORDS) return null;
  const space = line.indexOf(0x20);
  return { count: Number(line.toString("latin1", 1, space)), texts: line.subarray(space + 1) };
}
