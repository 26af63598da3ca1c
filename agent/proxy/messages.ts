/**
 * What is spoken on the proxy's control socket: one JSON object a line (LF), each with its `type`, both ways.
 *
 * **Where.** Each proxy listens on `proxy-PID.sock` in the run folder (0600); `proxy.sock` is a link to the newest one's.
 * While an upgrade is under way there are two: the old one, which serves the connections that it has, and the new one. The agent
 * connects to all `proxy-*.sock` that there are, at its start and when a proxy tells it of a successor ({@link DrainingMessage}).
 * A socket that refuses is one of a proxy that is dead.
 *
 * **Order.** The proxy speaks first ({@link HelloMessage}). The agent attaches ({@link AttachMessage}); of several who did, the latest
 * has the records and the questions. Who does not attach may look on, or take the listeners over.
 *
 * **Rules.** The first update that a proxy gets is whole; any later one is whole, or of the version that follows the one it has.
 * `acknowledged` comes when every worker that serves connections has it. One that the proxy has already is acknowledged
 * at once; one that does not follow is `refused`: send a whole one.
 *
 * **Names.** Whatever the agent says of them replaces what it has said before, and is not acknowledged. While an agent is attached it
 * is asked to admit what answers say; else the proxy does it alone, as far as it can (`AwayNames`).
 *
 * **Records.** One batch at a time, which is sent again, under the same number, until somebody has said `read`: also to the next agent. So
 * nothing is lost when an agent goes; an agent that has seen the number of this proxy (its pid) already passes it over.
 */
import * as z from "zod";
import type { DnsAnswer, NameRules } from "./names.ts";
import type { RequestRecord } from "./request-record.ts";
import type { RuleUpdate } from "./rule-book.ts";

/** Raised when a message comes to mean something else. */
export const PROTOCOL = 1;

/** The longest line, in bytes, that either side takes. */
export const LONGEST_LINE = 256 * 1024 * 1024;

export function proxySocket(runDir: string): string {
  return `${runDir}/proxy.sock`;
}

export function proxySocketOf(runDir: string, pid: number): string {
  return `${runDir}/proxy-${pid}.sock`;
}

/** The file names of control sockets in a run folder, with the process ids in them. */
export const PROXY_SOCKET = /^proxy-([1-9][0-9]*)\.sock$/;

const count = z.int().nonnegative();
const version = z.int().nonnegative();
const description = z.strictObject({
  kind: z.string(),
  namespace: z.string(),
  name: z.string(),
  rule: z.string(),
  file: z.string(),
  line: z.int().nullable(),
});
const text = z.string().nullable();
const httpRule = z.strictObject({
  method: text,
  path: text,
  host: text,
  headers: z.array(z.string()),
  headerMatches: z.array(
    z.strictObject({ name: z.string(), value: text, mismatch: z.enum(["LOG", "ADD", "DELETE", "REPLACE"]).nullable() }),
  ),
});
const nameMatch = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("name"), name: z.string() }),
  z.strictObject({ kind: z.literal("pattern"), pattern: z.string() }),
]);
const kafkaRule = z.strictObject({
  role: z.enum(["produce", "consume"]).nullable(),
  apiKey: text,
  apiVersion: text,
  clientId: text,
  topic: text,
});
const l7Rules = z.discriminatedUnion("family", [
  z.strictObject({ family: z.literal("http"), rules: z.array(httpRule) }),
  z.strictObject({ family: z.literal("dns"), rules: z.array(nameMatch) }),
  z.strictObject({ family: z.literal("kafka"), rules: z.array(kafkaRule) }),
]);
const ruleUpdate: z.ZodType<RuleUpdate> = z.strictObject({
  version: z.int().positive(),
  isWhole: z.boolean(),
  added: z.array(
    z.strictObject({
      reference: count,
      rules: z.array(z.strictObject({ description, l7: l7Rules.nullable(), serverNames: z.array(z.string()) })),
    }),
  ),
  removed: z.array(count),
});

const port = z.int().min(0).max(65_535);
const address = z.union([z.ipv4(), z.ipv6()]);
const recordEnd = z.strictObject({ endpoint: count, identity: count });
const requestContent = z.discriminatedUnion("family", [
  z.strictObject({
    family: z.literal("http"),
    method: z.string(),
    url: z.string(),
    protocol: z.enum(["HTTP/1.0", "HTTP/1.1", "HTTP/2"]),
    code: count,
    headers: z.array(z.strictObject({ key: z.string(), value: z.string() })),
    mismatches: z.array(z.string()).exactOptional(),
  }),
  z.strictObject({
    family: z.literal("dns"),
    query: z.string(),
    qtypes: z.array(z.string()),
    rcode: count,
    ips: z.array(z.string()),
    cnames: z.array(z.string()),
    ttl: count,
  }),
  z.strictObject({ family: z.literal("tls"), serverName: z.string().nullable() }),
  z.strictObject({
    family: z.literal("kafka"),
    apiKey: z.string(),
    apiVersion: z.int(),
    correlationId: z.int(),
    clientId: z.string(),
    topics: z.array(z.string()),
    errorCode: z.int(),
  }),
]);
const requestRecord: z.ZodType<RequestRecord> = z.strictObject({
  time: z.string().regex(/^\d{1,19}$/),
  tuple: z.strictObject({
    protocol: z.enum(["TCP", "UDP"]),
    sourceAddress: address,
    sourcePort: port,
    destinationAddress: address,
    destinationPort: port,
  }),
  source: recordEnd,
  destination: recordEnd,
  verdict: z.enum(["forwarded", "denied", "error"]),
  rules: z.array(description),
  deniedBy: z.enum(["source", "destination"]).nullable(),
  kind: z.enum(["request", "response"]),
  latency: z.number().nonnegative().nullable(),
  content: requestContent,
});

/** What a proxy has counted since it started. */
const counts = z.strictObject({
  /** Processes that serve connections now, and how often one had to be replaced. */
  workers: count,
  replaced: count,
  /** Connections from clients: now, and ever. */
  open: count,
  accepted: count,
  /** Closed at once: over the bound of their pod, or of the process; unknown to the datapath. */
  refused: count,
  unknown: count,
  /** Closed because no head, or no byte at all, came in time. */
  late: count,
  idle: count,
  /** Of no protocol that a rule speaks of, where one asks. */
  unrecognised: count,
  /** Calls to servers: that failed; under another port than the client's, which was not free. */
  unreachable: count,
  otherPort: count,
  /** DNS by UDP: what came from resolvers and answers nothing that is still asked; queries that got no answer in time. */
  foreign: count,
  unanswered: count,
  /** Records that were dropped because nobody read them in time. */
  lostRecords: count,
});
export type ProxyCounts = z.infer<typeof counts>;

const hello = z.strictObject({
  type: z.literal("hello"),
  protocol: z.int(),
  pid: z.int().positive(),
  /** Which Weir it is: an agent of another build has it replaced. See `ownBuild`. */
  build: z.string(),
  /** Of the rules that it has; 0: none yet, so that everything it is sent is refused. */
  version,
  isDraining: z.boolean(),
});
/** The first line of every proxy. */
export type HelloMessage = z.infer<typeof hello>;

const draining = z.strictObject({
  type: z.literal("draining"),
  /** The pid of the proxy that has taken over; null: there is none, it was told to end. */
  successor: z.int().positive().nullable(),
});
/** From here on it takes no new connections. The socket closes when its last connection has ended. */
export type DrainingMessage = z.infer<typeof draining>;

/** The answer to `handOver`: where the proxy has its listeners, for pidfd_getfd(2). The rules follow, and every update of them. */
const listeners = z.strictObject({
  type: z.literal("listeners"),
  pid: z.int().positive(),
  /** Descriptors, in the order of `enum proxy_listener`; null: the machine does not have the family. */
  descriptors: z.array(z.int().nonnegative().nullable()),
});
export type ListenersMessage = z.infer<typeof listeners>;

const answer: z.ZodType<DnsAnswer> = z.strictObject({
  name: z.string(),
  addresses: z.array(z.strictObject({ address: z.string(), ttl: count })),
  endpoint: count,
});

const nameRules: z.ZodType<NameRules> = z.strictObject({
  patterns: z.array(z.string()),
  minTtl: count,
  denial: z.enum(["refused", "nxdomain"]),
  generation: z.string(),
  outside: z.array(count),
  grantsInside: z.boolean(),
  classes: z.array(z.strictObject({ number: count, tokens: z.array(z.string()), isLasting: z.boolean() })),
});

/** From the proxy. */
const fromProxy = z.discriminatedUnion("type", [
  hello,
  draining,
  listeners,
  /** To whoever has sent, or is attached. */
  z.strictObject({ type: z.literal("acknowledged"), version }),
  z.strictObject({ type: z.literal("refused"), version, /** What it has. */ has: version }),
  z.strictObject({ type: z.literal("rules"), update: ruleUpdate }),
  /** To the next proxy. */
  z.strictObject({ type: z.literal("names"), rules: nameRules }),
  z.strictObject({
    type: z.literal("records"),
    sequence: z.int().positive(),
    /** How many were lost before these since the last batch. */
    lost: count,
    records: z.array(requestRecord),
  }),
  /** Each second, to who is attached. */
  z.strictObject({ type: z.literal("counts"), counts }),
  /** A DNS answer waits; see `Names.admit`. */
  z.strictObject({ type: z.literal("admit"), id: count, answer }),
  /** A DNS answer that does not wait. */
  z.strictObject({ type: z.literal("heard"), answer }),
]);
export type FromProxy = z.infer<typeof fromProxy>;

/** To the proxy. */
const toProxy = z.discriminatedUnion("type", [
  /** This is the agent. Headers, by name in lower case, whose values it wants to be told besides those of harmless ones. */
  z.strictObject({
    type: z.literal("attach"),
    shownHeaders: z.array(z.string().max(256)).max(64).optional(),
    namesDenier: z.boolean().optional(),
  }),
  z.strictObject({ type: z.literal("rules"), update: ruleUpdate }),
  z.strictObject({ type: z.literal("names"), rules: nameRules }),
  z.strictObject({ type: z.literal("read"), sequence: z.int().positive() }),
  z.strictObject({ type: z.literal("admitted"), id: count, admission: z.enum(["admitted", "refused"]) }),
  /** From the next proxy: give me the listeners and the rules, of which I shall acknowledge each version. */
  z.strictObject({ type: z.literal("handOver") }),
  z.strictObject({ type: z.literal("acknowledged"), version }),
  /** Take no new connections, and end with the last one. */
  z.strictObject({ type: z.literal("drain"), successor: z.int().positive().nullable() }),
]);
export type ToProxy = z.infer<typeof toProxy>;
export type AttachMessage = Extract<ToProxy, { type: "attach" }>;

export type Parsed<T> = { readonly ok: true; readonly message: T } | { readonly ok: false; readonly error: string };

/** One line without its end, as the agent (or the next proxy) reads it. */
export function parseFromProxy(line: string): Parsed<FromProxy> {
  return parse(fromProxy, line);
}

/** One line without its end, as the proxy reads it. */
export function parseToProxy(line: string): Parsed<ToProxy> {
  return parse(toProxy, line);
}

/** A message with its end of line. */
export function formatMessage(message: FromProxy | ToProxy): string {
  return `${JSON.stringify(message)}\n`;
}

function parse<T>(schema: z.ZodType<T>, line: string): Parsed<T> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
  const result = schema.safeParse(value);
  return result.success ? { ok: true, message: result.data } : { ok: false, error: z.prettifyError(result.error) };
}
