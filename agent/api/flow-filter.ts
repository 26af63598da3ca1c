/** Which flows a reader wants: one language for HTTP, the command line and Hubble's gRPC. */
import * as z from "zod";
import { flowVerdict } from "./flow.ts";

/** What may stand at either end: the field alone, and with `source_` and `destination_` before it. */
type EndField<Name extends string> = Name | `source_${Name}` | `destination_${Name}`;

/** Fields that are lists of text. */
export type FilterText =
  | EndField<"ip" | "pod" | "namespace" | "fqdn" | "label" | "service" | "port">
  | "protocol"
  | "node_name"
  | "node_labels"
  | "uuid"
  | "policy"
  | "http_status_code"
  | "http_method"
  | "http_path"
  | "http_url"
  | "dns_query"
  | "trace_id"
  | "ip_trace_id"
  | "source_ip_xlated"
  | "source_cluster_name"
  | "destination_cluster_name";

/** Flags that must be set, by name: `{SYN: true}`. */
export type FlagFilter = Readonly<Record<string, boolean | undefined>>;

/**
 * Hubble's `flow.FlowFilter`, with fields of our own: those of either end, `namespace`, `endpoint`, `policy`, `staged`.
 * All fields that are there must match, of each one value; an empty list asks for nothing.
 */
export type FlowFilter = Readonly<Partial<Record<FilterText, readonly string[] | undefined>>> &
  Readonly<Partial<Record<EndField<"identity" | "endpoint">, readonly number[] | undefined>>> &
  Readonly<Partial<Record<EndField<"workload">, readonly NamedKind[] | undefined>>> & {
    /** An enum's value: its name, or the number when it has none. */
    readonly verdict?: readonly (string | number)[] | undefined;
    readonly drop_reason_desc?: readonly (string | number)[] | undefined;
    readonly traffic_direction?: readonly (string | number)[] | undefined;
    readonly ip_version?: readonly (string | number)[] | undefined;
    readonly reply?: readonly boolean[] | undefined;
    readonly encrypted?: readonly boolean[] | undefined;
    /** Whether something staged would judge it otherwise. */
    readonly staged?: readonly boolean[] | undefined;
    readonly event_type?: readonly EventTypeFilter[] | undefined;
    readonly tcp_flags?: readonly FlagFilter[] | undefined;
    readonly interface?: readonly InterfaceFilter[] | undefined;
    /** A value that is missing or empty: any. */
    readonly http_header?: readonly HeaderFilter[] | undefined;
  };

interface HeaderFilter {
  readonly key?: string | undefined;
  readonly value?: string | undefined;
}

interface NamedKind {
  readonly name?: string | undefined;
  readonly kind?: string | undefined;
}

/** 0 and what is missing: any. */
interface EventTypeFilter {
  readonly type?: number | undefined;
  readonly match_sub_type?: boolean | undefined;
  readonly sub_type?: number | undefined;
}

interface InterfaceFilter {
  readonly index?: number | undefined;
  readonly name?: string | undefined;
}

const texts = z.array(z.string()).readonly();
const numbers = z.array(z.int().min(0).max(4_294_967_295)).readonly();
const booleans = z.array(z.boolean()).readonly();
const workloads = z.array(z.strictObject({ name: z.string().optional(), kind: z.string().optional() })).readonly();

const verdicts = ["FORWARDED", "DROPPED", "ERROR", "AUDIT", "REDIRECTED", "TRACED", "TRANSLATED"];

const ofEnds = <const Name extends string, Schema extends z.ZodType>(name: Name, schema: Schema) =>
  ({ [name]: schema, [`source_${name}`]: schema, [`destination_${name}`]: schema }) as Record<EndField<Name>, Schema>;

/** A {@link FlowFilter} as JSON has it. What its texts must be says who compiles it. */
export const flowFilter = z
  .strictObject({
    ...ofEnds("ip", texts),
    ...ofEnds("pod", texts),
    ...ofEnds("namespace", texts),
    ...ofEnds("fqdn", texts),
    ...ofEnds("label", texts),
    ...ofEnds("service", texts),
    ...ofEnds("port", texts),
    ...ofEnds("identity", numbers),
    ...ofEnds("endpoint", numbers),
    ...ofEnds("workload", workloads),
    protocol: texts,
    node_name: texts,
    node_labels: texts,
    uuid: texts,
    policy: texts,
    http_status_code: texts,
    http_method: texts,
    http_path: texts,
    http_url: texts,
    http_header: z.array(z.strictObject({ key: z.string(), value: z.string().optional() })).readonly(),
    dns_query: texts,
    trace_id: texts,
    ip_trace_id: texts,
    source_ip_xlated: texts,
    source_cluster_name: texts,
    destination_cluster_name: texts,
    verdict: z.array(z.enum(verdicts)).readonly(),
    drop_reason_desc: z.array(z.union([z.string(), z.int()])).readonly(),
    traffic_direction: z.array(z.enum(["INGRESS", "EGRESS", "TRAFFIC_DIRECTION_UNKNOWN"])).readonly(),
    ip_version: z.array(z.enum(["IPv4", "IPv6", "IP_NOT_USED"])).readonly(),
    reply: booleans,
    encrypted: booleans,
    staged: booleans,
    event_type: z
      .array(
        z.strictObject({
          type: z.int().optional(),
          match_sub_type: z.boolean().optional(),
          sub_type: z.int().optional(),
        }),
      )
      .readonly(),
    tcp_flags: z
      .array(z.partialRecord(z.enum(["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "NS"]), z.boolean()))
      .readonly(),
    interface: z.array(z.strictObject({ index: z.int().optional(), name: z.string().optional() })).readonly(),
  })
  .partial() satisfies z.ZodType<FlowFilter>;

const list = <T extends z.ZodType>(item: T) =>
  z
    .union([item, z.array(item).max(64)])
    .optional()
    .transform((value): z.output<T>[] => (value === undefined ? [] : Array.isArray(value) ? value : [value]));

const flag = z
  .enum(["true", "false"])
  .optional()
  .transform((value) => value === "true");

const count = z
  .string()
  .regex(/^\d{1,9}$/, "is not a number")
  .transform(Number);

const json = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: "custom", message: "is not JSON" });
    return z.NEVER;
  }
});

/** In steps, so that what is wrong is said of the filter and not of the list. */
const filters = list(z.string())
  .pipe(z.array(json.pipe(flowFilter)).max(64))
  .describe("a flow filter as JSON");

/** The query of `GET /v1/flows`: all that is given must match; of a list, one. */
export const flowQuery = z.strictObject({
  verdict: list(flowVerdict),
  /** `[NAMESPACE/]NAME-PREFIX` at either end; without a namespace: of `default`. */
  pod: list(z.string().min(1)),
  /** Of either end. */
  namespace: list(z.string().min(1)),
  /** Address or CIDR, at either end. */
  ip: list(z.string().min(1)),
  /** At either end. */
  port: list(count.refine((port) => port <= 65535, "is not a port")),
  /** Of requests: `HTTP`, `DNS`, `TLS`, `KAFKA`. */
  protocol: list(z.enum(["TCP", "UDP", "SCTP", "ICMPv4", "ICMPv6", "HTTP", "DNS", "TLS", "KAFKA"])),
  direction: list(z.enum(["INGRESS", "EGRESS"])),
  /** Only those that something staged would judge otherwise. */
  staged: flag,
  /** A {@link flowFilter} as JSON each: of several, one must match. */
  whitelist: filters,
  /** A {@link flowFilter} as JSON each: none may match. */
  blacklist: filters,
  /** Not before this instant (RFC 3339). */
  since: z.iso.datetime({ offset: true }).optional(),
  /** Not after this instant; ends what follows. */
  until: z.iso.datetime({ offset: true }).optional(),
  /** The newest N of those kept. Absent: all of them, or none when following. */
  last: count.optional(),
  /** The oldest N of those kept. */
  first: count.optional(),
  /** When following, what is kept, too. */
  all: flag,
  /** Go on with new ones until the reader hangs up. */
  follow: flag,
  /** Say in the stream how many flows were lost. */
  lost: flag,
});
export type FlowQuery = z.infer<typeof flowQuery>;
