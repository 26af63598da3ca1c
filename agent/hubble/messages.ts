/** Messages as they come off the wire: fields that were not sent are absent, 64-bit numbers are text. */

export interface Timestamp {
  readonly seconds?: string;
  readonly nanos?: number;
}

/** An enum's value: its name, or the number when it has none. */
export type EnumValue = string | number;

interface NamedKind {
  readonly name?: string;
  readonly kind?: string;
}

interface EventTypeFilter {
  readonly type?: number;
  readonly match_sub_type?: boolean;
  readonly sub_type?: number;
}

interface InterfaceFilter {
  readonly index?: number;
  readonly name?: string;
}

export type FlagFilter = Readonly<Partial<Record<string, boolean>>>;

/** Lists of text of a filter. */
export type TextField =
  | "source_ip"
  | "destination_ip"
  | "source_pod"
  | "destination_pod"
  | "source_fqdn"
  | "destination_fqdn"
  | "source_label"
  | "destination_label"
  | "source_service"
  | "destination_service"
  | "source_port"
  | "destination_port"
  | "protocol"
  | "node_name"
  | "node_labels"
  | "uuid"
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

/** `flow.FlowFilter`. */
export type FlowFilter = Readonly<Partial<Record<TextField, readonly string[]>>> & {
  readonly verdict?: readonly EnumValue[];
  readonly drop_reason_desc?: readonly EnumValue[];
  readonly traffic_direction?: readonly EnumValue[];
  readonly ip_version?: readonly EnumValue[];
  readonly source_identity?: readonly number[];
  readonly destination_identity?: readonly number[];
  readonly reply?: readonly boolean[];
  readonly encrypted?: readonly boolean[];
  readonly event_type?: readonly EventTypeFilter[];
  readonly tcp_flags?: readonly FlagFilter[];
  readonly interface?: readonly InterfaceFilter[];
  readonly source_workload?: readonly NamedKind[];
  readonly destination_workload?: readonly NamedKind[];
  readonly http_header?: readonly unknown[];
  readonly experimental?: { readonly cel_expression?: readonly string[] };
};

/** `observer.GetFlowsRequest`. */
export interface GetFlowsRequest {
  readonly number?: string;
  readonly first?: boolean;
  readonly follow?: boolean;
  readonly whitelist?: readonly FlowFilter[];
  readonly blacklist?: readonly FlowFilter[];
  readonly since?: Timestamp;
  readonly until?: Timestamp;
  readonly field_mask?: { readonly paths?: readonly string[] };
}

/** `observer.GetAgentEventsRequest` and `observer.GetDebugEventsRequest`. */
export interface GetEventsRequest {
  readonly number?: string;
  readonly first?: boolean;
  readonly follow?: boolean;
  readonly since?: Timestamp;
  readonly until?: Timestamp;
}

/** `grpc.health.v1.HealthCheckRequest`. */
export interface HealthCheckRequest {
  readonly service?: string;
}
