import type { FlowFilter } from "#agent/api/flow-filter.ts";

/** Messages as they come off the wire: fields that were not sent are absent, 64-bit numbers are text. */

export interface Timestamp {
  readonly seconds?: string;
  readonly nanos?: number;
}

/** `flow.FlowFilter`. */
type RequestFilter = FlowFilter & {
  readonly experimental?: { readonly cel_expression?: readonly string[] };
};

/** `observer.GetFlowsRequest`. */
export interface GetFlowsRequest {
  readonly number?: string;
  readonly first?: boolean;
  readonly follow?: boolean;
  readonly whitelist?: readonly RequestFilter[];
  readonly blacklist?: readonly RequestFilter[];
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
