/** Of a counter the name ends in `_total`, of everything with a unit in the unit: `_seconds`, `_bytes`. */
export interface MetricDefinition {
  readonly type: "counter" | "gauge" | "histogram";
  /** One sentence. */
  readonly help: string;
  readonly labels: readonly string[];
  /** How many combinations of labels there are at most. */
  readonly series: string;
}

/** Read at a scrape from what the parts of the node hold anyway. */
export const readMetrics = {
  weir_build_info: {
    type: "gauge",
    help: "1, with the version of the agent, the content of the loaded programs and how they are attached.",
    labels: ["version", "programs", "attach"],
    series: "1",
  },
  weir_forwarded_packets_total: {
    type: "counter",
    help: "Packets that the datapath let pass, by the hook at which it did.",
    labels: ["direction", "hook"],
    series: "4 (hooks)",
  },
  weir_forwarded_bytes_total: {
    type: "counter",
    help: "Bytes of packets that the datapath let pass.",
    labels: ["direction", "hook"],
    series: "4 (hooks)",
  },
  weir_dropped_packets_total: {
    type: "counter",
    help: "Packets that the datapath dropped, by Hubble's name of the reason.",
    labels: ["reason", "direction", "hook"],
    series: "165 (reasons x hooks)",
  },
  weir_dropped_bytes_total: {
    type: "counter",
    help: "Bytes of packets that the datapath dropped.",
    labels: ["reason", "direction", "hook"],
    series: "165 (reasons x hooks)",
  },
  weir_bandwidth_dropped_packets_total: {
    type: "counter",
    help: "Packets that came too fast for the bandwidth limit of their pod.",
    labels: ["namespace", "pod", "interface", "direction"],
    series: "2 for each interface of a pod that has a limit",
  },
  weir_bandwidth_dropped_bytes_total: {
    type: "counter",
    help: "Bytes that came too fast for the bandwidth limit of their pod.",
    labels: ["namespace", "pod", "interface", "direction"],
    series: "2 for each interface of a pod that has a limit",
  },
  weir_proxy_bypassed_total: {
    type: "counter",
    help: "New connections that have passed without the proxy, because it did not work and their rules let them.",
    labels: [],
    series: "1",
  },
  weir_tcp_resets_total: {
    type: "counter",
    help: "TCP senders that were told by a reset that policy has cut their connection.",
    labels: [],
    series: "1",
  },
  weir_flows_total: {
    type: "counter",
    help: "Events of the datapath and requests that the agent has seen, by what they tell of and what became of the packet or the request.",
    labels: ["type", "verdict"],
    series: "9 (a drop, a trace, one of 4 verdicts on a connection or of 3 on a request)",
  },
  weir_flows_lost_total: {
    type: "counter",
    help: "Events of the datapath that found the ring buffer full.",
    labels: [],
    series: "1",
  },
  weir_flow_exported_total: {
    type: "counter",
    help: "Flows that were written to the file of --flow-log, or taken by the collector of --otlp-endpoint.",
    labels: ["exporter"],
    series: "2 (file, otlp)",
  },
  weir_flow_export_lost_total: {
    type: "counter",
    help: "Flows that were to be exported and never will be: the disk or the collector was too slow, or refused them.",
    labels: ["exporter"],
    series: "2 (file, otlp)",
  },
  weir_flow_export_up: {
    type: "gauge",
    help: "1 while flows can be exported, 0 while something stands in the way.",
    labels: ["exporter"],
    series: "2 (file, otlp)",
  },
  weir_bpf_map_entries: {
    type: "gauge",
    help: "Entries of a BPF map; policy_slot is the fullest policy.",
    labels: ["map"],
    series: "13 (maps)",
  },
  weir_bpf_map_max_entries: {
    type: "gauge",
    help: "Entries that a BPF map takes.",
    labels: ["map"],
    series: "13 (maps)",
  },
  weir_nat_mappings_total: {
    type: "counter",
    help: "Masqueraded flows that were given a port of the node's.",
    labels: [],
    series: "1",
  },
  weir_nat_port_retries_total: {
    type: "counter",
    help: "Ports that were tried for a masqueraded flow and found taken.",
    labels: [],
    series: "1",
  },
  weir_nat_exhausted_packets_total: {
    type: "counter",
    help: "Packets dropped because no port of the node's was free for them.",
    labels: [],
    series: "1",
  },
  weir_policy_revision: {
    type: "gauge",
    help: "Revision of the policy that is in force on all endpoints.",
    labels: [],
    series: "1",
  },
  weir_policy_refused: {
    type: "gauge",
    help: "1 while the newest objects are refused and the policy before them is in force, else 0.",
    labels: [],
    series: "1",
  },
  weir_policy_objects: {
    type: "gauge",
    help: "Objects in force, by kind.",
    labels: ["kind"],
    series: "13 (kinds)",
  },
  weir_policy_object_problems: {
    type: "gauge",
    help: "Objects and files that cannot be read.",
    labels: [],
    series: "1",
  },
  weir_endpoints: {
    type: "gauge",
    help: "Attachments of pods, by state.",
    labels: ["state"],
    series: "2 (states)",
  },
  weir_identities: {
    type: "gauge",
    help: "Identities of the cluster that the node knows, without the reserved ones.",
    labels: [],
    series: "1",
  },
  weir_ipam_used_addresses: {
    type: "gauge",
    help: "Addresses that pods have.",
    labels: ["pool", "family", "cidr"],
    series: "1 for each range of a pool",
  },
  weir_ipam_cooling_addresses: {
    type: "gauge",
    help: "Addresses that were given back and are not given again yet.",
    labels: ["pool", "family", "cidr"],
    series: "1 for each range of a pool",
  },
  weir_ipam_kept_addresses: {
    type: "gauge",
    help: "Addresses kept for pods that may come back; others get them when nothing else is free.",
    labels: ["pool", "family", "cidr"],
    series: "1 for each range of a pool",
  },
  weir_ipam_capacity_addresses: {
    type: "gauge",
    help: "Addresses that pods can have.",
    labels: ["pool", "family", "cidr"],
    series: "1 for each range of a pool",
  },
  weir_ipam_pool_can_grow: {
    type: "gauge",
    help: "1 while a pool gets a further range when it is full, else 0.",
    labels: ["pool"],
    series: "1 for each pool",
  },
  weir_store_up: {
    type: "gauge",
    help: "1 while the store of identities answers, else 0.",
    labels: ["kind"],
    series: "1",
  },
  weir_process_cpu_seconds_total: {
    type: "counter",
    help: "CPU time of the agent.",
    labels: ["mode"],
    series: "2 (user, system)",
  },
  weir_process_resident_memory_bytes: {
    type: "gauge",
    help: "Memory of the agent that is in RAM.",
    labels: [],
    series: "1",
  },
  weir_process_heap_bytes: {
    type: "gauge",
    help: "JavaScript heap of the agent that is in use.",
    labels: [],
    series: "1",
  },
  weir_process_event_loop_busy_seconds_total: {
    type: "counter",
    help: "Time in which the event loop of the agent was at work: near 1 a second it cannot keep up.",
    labels: [],
    series: "1",
  },
  weir_process_open_fds: {
    type: "gauge",
    help: "File descriptors that the agent has open.",
    labels: [],
    series: "1",
  },
  weir_process_max_fds: {
    type: "gauge",
    help: "File descriptors that the agent may have open.",
    labels: [],
    series: "1",
  },
  weir_process_start_time_seconds: {
    type: "gauge",
    help: "When the agent started, in seconds since 1970.",
    labels: [],
    series: "1",
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

/** Counted as it happens, because nothing else holds it. */
export const observedMetrics = {
  weir_api_requests_total: {
    type: "counter",
    help: "Requests to the API, by route and HTTP status; 499: the caller went before the answer.",
    labels: ["method", "route", "status"],
    series: "12 for each route (statuses)",
  },
  weir_api_request_duration_seconds: {
    type: "histogram",
    help: "How long the API took for requests, but for those that wait or stream.",
    labels: ["method", "route"],
    series: "1 for each route",
  },
  weir_cni_call_duration_seconds: {
    type: "histogram",
    help: "How long calls of the CNI binary took, with the time in which they waited for each other; delegated: another plugin was asked, and the call goes on.",
    labels: ["plugin", "verb", "outcome"],
    series: "30 (plugins x verbs x outcomes)",
  },
  weir_cni_errors_total: {
    type: "counter",
    help: "Calls of the CNI binary that were answered with an error, by its code; other: that of another plugin.",
    labels: ["plugin", "verb", "code"],
    series: "150 (plugins x verbs x codes)",
  },
  weir_policy_update_duration_seconds: {
    type: "histogram",
    help: "How long it took until new objects were in force on all endpoints, or refused.",
    labels: ["outcome"],
    series: "2 (outcomes)",
  },
  weir_policy_l7_total: {
    type: "counter",
    help: "Requests that the proxy has read, by its protocol and what became of them: each is received, and then forwarded, denied or of parse_errors.",
    labels: ["rule", "protocol"],
    series: "16 (outcomes x protocols)",
  },
  weir_http_requests_total: {
    type: "counter",
    help: "HTTP requests that were answered, by the server or, where it was denied or an error, by the proxy; other: a method that is none of RFC 9110 and RFC 5789.",
    labels: ["method", "status", "verdict"],
    series: "2070 (methods x registered statuses x verdicts)",
  },
  weir_http_request_duration_seconds: {
    type: "histogram",
    help: "How long servers took to begin their answers to HTTP requests.",
    labels: ["method"],
    series: "10 (methods)",
  },
  weir_dns_queries_total: {
    type: "counter",
    help: "Questions of DNS that came to the proxy, by type and whether they were forwarded.",
    labels: ["qtype", "verdict"],
    series: "36 (types x verdicts)",
  },
  weir_dns_responses_total: {
    type: "counter",
    help: "Answers to questions of DNS that were forwarded, by code.",
    labels: ["rcode"],
    series: "12 (codes)",
  },
  weir_proxy_upstream_reply_seconds: {
    type: "histogram",
    help: "How long servers took to begin their answers, by protocol.",
    labels: ["protocol"],
    series: "4 (protocols)",
  },
  weir_proxy_records_lost_total: {
    type: "counter",
    help: "Requests that the proxy could not tell the agent of: no flow and no metric has them.",
    labels: [],
    series: "1",
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export type ReadMetric = keyof typeof readMetrics;
export type ObservedMetric = keyof typeof observedMetrics;

type Definitions = typeof readMetrics & typeof observedMetrics;
/** The labels of a metric with their values. */
export type LabelsOf<Name extends keyof Definitions> = Readonly<Record<Definitions[Name]["labels"][number], string>>;

/** Every metric. */
export const metricDefinitions: Readonly<Record<string, MetricDefinition>> = { ...readMetrics, ...observedMetrics };
