import type { Flow, FlowEndpoint, LostFlows } from "#agent/api/flow.ts";
import { layer7Family, layer7Text } from "#agent/api/layer7-text.ts";
import type { PolicyDescription, RuleDescription } from "#agent/api/policy-views.ts";

/** `AnyValue` of OTLP, as its JSON is: 64-bit numbers are text. */
export type OtlpValue =
  | { readonly stringValue: string }
  | { readonly intValue: string }
  | { readonly boolValue: boolean }
  | { readonly arrayValue: { readonly values: readonly OtlpValue[] } };

export interface OtlpAttribute {
  readonly key: string;
  readonly value: OtlpValue;
}

/** `opentelemetry.proto.logs.v1.LogRecord`. */
export interface OtlpRecord {
  /** Nanoseconds since 1970. */
  readonly timeUnixNano: string;
  readonly observedTimeUnixNano: string;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly eventName: string;
  readonly body: OtlpValue;
  readonly attributes: readonly OtlpAttribute[];
}

/** By `SeverityNumber`. */
const severities = {
  info: { severityNumber: 9, severityText: "INFO" },
  warn: { severityNumber: 13, severityText: "WARN" },
} as const;

type Plain = string | number | boolean | readonly string[];

/** A list of attributes; what is undefined has none. */
export function otlpAttributes(values: Readonly<Record<string, Plain | undefined>>): OtlpAttribute[] {
  return Object.entries(values).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: valueOf(value) }],
  );
}

function valueOf(value: Plain): OtlpValue {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "number") return { intValue: String(value) };
  if (typeof value === "boolean") return { boolValue: value };
  return { arrayValue: { values: value.map((text) => ({ stringValue: text })) } };
}

/**
 * A flow as a record of a log: attributes by OpenTelemetry's semantic conventions where there are some.
 *
 * @param time of the event, and `observed` when it is exported, in ns since 1970.
 */
export function flowRecord(flow: Flow, time: bigint, observed: bigint): OtlpRecord {
  const { IP, l4, weir, source, destination } = flow;
  const [protocol = "", layer] = Object.entries(l4 ?? {})[0] ?? [];
  const ports = layer && "source_port" in layer ? layer : undefined;
  const icmp = layer && "type" in layer ? layer : undefined;
  // The pod whose policy spoke, for whoever adds what is known of it.
  const own = flow.traffic_direction === "EGRESS" ? source : destination;
  const direction = flow.traffic_direction === "EGRESS" ? "egress" : "ingress";
  return {
    timeUnixNano: time.toString(),
    observedTimeUnixNano: observed.toString(),
    ...(flow.verdict === "DROPPED" || flow.verdict === "ERROR" ? severities.warn : severities.info),
    eventName: "weir.flow",
    body: { stringValue: sentence(flow, protocol, ports) },
    attributes: otlpAttributes({
      "source.address": IP?.source,
      "source.port": ports?.source_port,
      "destination.address": IP?.destination,
      "destination.port": ports?.destination_port,
      "network.type": IP?.ipVersion.toLowerCase(),
      "network.transport": protocol === "" ? undefined : protocol.toLowerCase(),
      "k8s.namespace.name": own.namespace,
      "k8s.pod.name": own.pod_name,
      ...endAttributes("source", source),
      ...endAttributes("destination", destination),
      ...layer7Attributes(flow),
      "weir.flow.uuid": flow.uuid,
      "weir.flow.event_type": flow.event_type.type,
      "weir.flow.direction": direction,
      "weir.flow.is_reply": flow.is_reply,
      "weir.icmp.type": icmp?.type,
      "weir.icmp.code": icmp?.code,
      "weir.verdict": flow.verdict,
      "weir.drop_reason": flow.drop_reason_desc,
      "weir.reason": weir.reason,
      "weir.rules": weir.rules.length === 0 ? undefined : weir.rules.map(ruleText),
      "weir.isolated_by": weir.isolatedBy?.map(policyText),
      "weir.nearest": weir.nearest ? `${ruleText(weir.nearest)}: ${weir.nearest.because}` : undefined,
      "weir.denied": weir.denied,
      "weir.policy.revision": Number(weir.generation),
    }),
  };
}

/** Of requests, by the conventions for HTTP, DNS, TLS and messages. */
function layer7Attributes(flow: Flow): Record<string, Plain | undefined> {
  const { l7, weir } = flow;
  if (l7 === undefined) return {};
  const { http, dns, kafka } = l7;
  return {
    "network.protocol.name": layer7Family(flow),
    "network.protocol.version": http?.protocol.split("/")[1],
    "http.request.method": http?.method,
    "http.response.status_code": http?.code,
    "url.full": http?.url,
    "dns.question.name": dns?.query,
    "dns.question.type": dns?.qtypes,
    "dns.answers": dns?.ips,
    "dns.response_code": dns?.rcode,
    "tls.client.server_name": weir.tls?.serverName ?? undefined,
    "messaging.destination.name": kafka?.topic,
    "messaging.operation.name": kafka?.api_key,
    "messaging.client.id": weir.kafka?.clientId,
    "weir.l7.type": l7.type,
    "weir.l7.latency_ns": l7.latency_ns === undefined ? undefined : Number(l7.latency_ns),
  };
}

/** Flows that nobody will see. `observed` in ns since 1970. */
export function lostRecord(
  { lost_events: { source, num_events_lost: count } }: LostFlows,
  observed: bigint,
): OtlpRecord {
  const where = source === "HUBBLE_RING_BUFFER" ? "the collector was too slow" : "the agent was too slow";
  return {
    timeUnixNano: observed.toString(),
    observedTimeUnixNano: observed.toString(),
    ...severities.warn,
    eventName: "weir.flows_lost",
    body: { stringValue: `${count} flows are lost: ${where}` },
    attributes: otlpAttributes({ "weir.lost.source": source, "weir.lost.flows": Number(count) }),
  };
}

function endAttributes(end: "source" | "destination", party: FlowEndpoint): Record<string, Plain | undefined> {
  return {
    [`${end}.k8s.namespace.name`]: party.namespace,
    [`${end}.k8s.pod.name`]: party.pod_name,
    [`weir.${end}.identity`]: party.identity,
    [`weir.${end}.labels`]: party.labels,
  };
}

interface Ports {
  readonly source_port: number;
  readonly destination_port: number;
}

/** `DROPPED shop/web-1:40000 -> shop/db-0:5432 TCP: no rule allows it` */
function sentence(flow: Flow, protocol: string, ports: Ports | undefined): string {
  const { source, destination, IP, verdict, weir } = flow;
  const name = (party: FlowEndpoint, address = "?", port?: number): string => {
    const host = party.pod_name === undefined ? address : `${party.namespace ?? ""}/${party.pod_name}`;
    return port === undefined ? host : `${host}:${port}`;
  };
  const ends = `${name(source, IP?.source, ports?.source_port)} -> ${name(destination, IP?.destination, ports?.destination_port)}`;
  const reasons = [weir.reason, ...weir.rules.map(ruleText)].join("; ");
  const what = layer7Text(flow) ?? protocol;
  return `${verdict} ${ends}${what === "" ? "" : ` ${what}`}: ${reasons}`;
}

/** `NetworkPolicy shop/web egress[0] (web.yaml:14)` */
function ruleText(rule: RuleDescription): string {
  return `${objectText(rule)} ${rule.rule} (${placeText(rule)})`;
}

function policyText(policy: PolicyDescription): string {
  return `${objectText(policy)} (${placeText(policy)})`;
}

function objectText({ kind, namespace, name }: PolicyDescription): string {
  return `${kind} ${namespace === "" ? name : `${namespace}/${name}`}`;
}

function placeText({ file, line }: PolicyDescription): string {
  return line === null ? file : `${file}:${line}`;
}
