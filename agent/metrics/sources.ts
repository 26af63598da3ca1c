import type { BpfBandwidth, BpfCounter } from "#agent/api/bpf-views.ts";
import type { FlowCounts } from "#agent/api/flow.ts";

/** How full a range of addresses is. */
export interface RangeFill {
  readonly pool: string;
  readonly cidr: string;
  readonly used: number;
  readonly cooling: number;
  readonly kept: number;
  readonly capacity: number;
}

/** What a node holds of itself anyway; asked at a scrape, and at no other time. */
export interface MetricSources {
  readonly build: { readonly version: string; readonly programs: string; readonly attach: string };
  /** Those of `weir bpf counters`. */
  counters(): readonly BpfCounter[];
  /** Limits of bandwidth, with whose they are. */
  bandwidths(): readonly (Pick<BpfBandwidth, "direction" | "droppedPackets" | "droppedBytes"> & {
    readonly namespace: string;
    readonly pod: string;
    readonly ifName: string;
  })[];
  proxyBypassed(): number;
  tcpResets(): number;
  /** Since the agent started. */
  flows(): FlowCounts;
  flowsLost(): number;
  /** Of each exporter of flows. */
  exports(): readonly {
    readonly exporter: string;
    readonly exported: number;
    readonly lost: number;
    readonly up: boolean;
  }[];
  maps(): Promise<readonly { readonly name: string; readonly entries: number; readonly capacity: number }[]>;
  nat(): { readonly allocated: number; readonly retries: number; readonly exhausted: number };
  policy(): {
    readonly revision: number;
    readonly refused: boolean;
    readonly objects: readonly { readonly kind: string }[];
    readonly problems: number;
  };
  /** Of each endpoint. */
  endpointStates(): readonly ("ready" | "waiting-for-interface")[];
  identities(): number;
  ranges(): readonly RangeFill[];
  /** By pool: whether it gets a further range when it is full. */
  growth(): ReadonlyMap<string, boolean>;
  store(): { readonly kind: string; readonly up: boolean };
}
