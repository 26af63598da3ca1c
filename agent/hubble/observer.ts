import { ApiError } from "#agent/api/errors.ts";
import type { LostFlows } from "#agent/api/flow.ts";
import { version } from "#agent/api/version.ts";
import { clusterName } from "#agent/flows/name-patterns.ts";
import type { FlowItem, FlowReader } from "#agent/flows/reader.ts";
import type { FlowRecord } from "#agent/flows/record.ts";
import type { FlowSelection } from "#agent/flows/selection.ts";
import type { AgentEventQuery, AgentEvents } from "#agent/runtime/agent-events.ts";
import { agentEventMessage } from "./agent-event.ts";
import { refusal } from "#agent/flows/refusal.ts";
import { fieldMask } from "./field-mask.ts";
import { flowMessage } from "./flow-message.ts";
import type { GetEventsRequest, GetFlowsRequest } from "./messages.ts";
import type { PeerView } from "./peer-view.ts";
import type { MessageShape } from "./protos.ts";
import { fromTimestamp, toTimestamp } from "./timestamp.ts";

/** Over how long, in s, the rate of flows is told. */
const rateWindow = 60;

/** What the observer needs of the agent. */
export interface ObserverNeeds {
  readonly nodeName: string;
  readonly flows: FlowReader;
  readonly agentEvents: AgentEvents;
  /** How this node's observer is reached. */
  peer(): PeerView;
}

/** Messages of a stream, in batches: between two, others get their turn. */
export type Batches = AsyncIterable<Iterable<object>>;

/** Answers `observer.Observer`. */
export class Observer {
  readonly #needs: ObserverNeeds;
  readonly #shape: MessageShape;

  /** @param shape of a flow. */
  constructor(needs: ObserverNeeds, shape: MessageShape) {
    this.#needs = needs;
    this.#shape = shape;
  }

  /** @throws ApiError `bad-request` at once, before anything is read. */
  flows(request: GetFlowsRequest, signal: AbortSignal): Batches {
    const mask = fieldMask(request.field_mask?.paths ?? [], this.#shape);
    const records = this.#needs.flows.records(this.#selection(request), signal);
    return this.#messages(records, mask);
  }

  async *#messages(batches: AsyncIterable<readonly FlowItem[]>, mask: (flow: object) => object): Batches {
    for await (const batch of batches) yield this.#batch(batch, mask);
  }

  /** One after the other as they are written: a reader that is slow has not more in memory than it must. */
  *#batch(items: readonly FlowItem[], mask: (flow: object) => object): Generator<object> {
    for (const item of items) yield "lost_events" in item ? this.#lostMessage(item) : this.#flowMessage(item, mask);
  }

  #flowMessage(record: FlowRecord, mask: (flow: object) => object): object {
    const { nodeName, flows } = this.#needs;
    const flow = mask(flowMessage(flows.render(record), record.time));
    return { flow, node_name: nodeName, time: toTimestamp(record.time) };
  }

  #lostMessage({ lost_events }: LostFlows): object {
    return { lost_events, node_name: this.#needs.nodeName, time: toTimestamp(wallNanoseconds()) };
  }

  #selection(request: GetFlowsRequest): FlowSelection {
    const { first = false, follow = false, whitelist = [], blacklist = [] } = request;
    if (first && follow) {
      throw firstAndFollow("read flows");
    }
    if ([...whitelist, ...blacklist].some(({ experimental }) => experimental?.cel_expression?.length)) {
      throw refusal("cel_expression", "expressions are not understood");
    }
    const filter = this.#needs.flows.filter(whitelist, blacklist);
    const since = request.since && fromTimestamp("since", request.since);
    const until = request.until && fromTimestamp("until", request.until);
    const number = Number(request.number ?? "0");
    return {
      matches: (record) =>
        (since === undefined || record.time >= since) &&
        (until === undefined || record.time <= until) &&
        filter(record),
      from: startOf({ number, first: first || since !== undefined, follow }),
      ...(number > 0 && !follow ? { limit: number } : {}),
      follow,
      ...(until === undefined ? {} : { ends: (record) => record.time > until }),
      lost: true,
    };
  }

  /** What the agent has done. @throws ApiError `bad-request` at once. */
  agentEvents({ number, first = false, follow = false, since, until }: GetEventsRequest, signal: AbortSignal): Batches {
    if (first && follow) throw firstAndFollow("read events of the agent");
    const query: AgentEventQuery = {
      first,
      follow,
      ...(since && { since: fromTimestamp("since", since) }),
      ...(until && { until: fromTimestamp("until", until) }),
      ...(Number(number ?? "0") > 0 && { number: Number(number) }),
    };
    return this.#agentEvents(query, signal);
  }

  async *#agentEvents(query: AgentEventQuery, signal: AbortSignal): Batches {
    const { agentEvents, nodeName } = this.#needs;
    for await (const events of agentEvents.read(query, signal)) {
      yield events.map((event) => {
        return { agent_event: agentEventMessage(event), node_name: nodeName, time: toTimestamp(event.time) };
      });
    }
  }

  serverStatus(): object {
    return {
      ...this.#counts(),
      num_connected_nodes: { value: 1 },
      num_unavailable_nodes: { value: 0 },
      version: `weir ${version}`,
      flows_rate: this.#rate(),
    };
  }

  /** This one: nodes do not know each other yet. */
  nodes(): object {
    const { nodeName: name } = this.#needs;
    const { address, serverName } = this.#needs.peer();
    const tls = serverName === null ? { enabled: false } : { enabled: true, server_name: serverName };
    return { nodes: [{ name, version: `weir ${version}`, address, state: "NODE_CONNECTED", tls, ...this.#counts() }] };
  }

  namespaces(): object {
    const names = this.#needs.flows.namespaces(wallNanoseconds());
    return { namespaces: names.map((namespace) => ({ cluster: clusterName, namespace })) };
  }

  #counts(): object {
    const { kept, capacity, seen } = this.#needs.flows.counts;
    const uptime = BigInt(Math.round(process.uptime() * 1e9)).toString();
    return { num_flows: kept, max_flows: capacity, seen_flows: seen, uptime_ns: uptime };
  }

  #rate(): number {
    const seconds = Math.min(rateWindow, process.uptime());
    return this.#needs.flows.countSince(wallNanoseconds() - BigInt(Math.round(seconds * 1e9))) / seconds;
  }
}

function firstAndFollow(asked: string): ApiError {
  return new ApiError("bad-request", { asked, obstacle: "first and follow exclude each other" });
}

interface Extent {
  readonly number: number;
  /** Whether the oldest are wanted. */
  readonly first: boolean;
  readonly follow: boolean;
}

function startOf({ number, first, follow }: Extent): FlowSelection["from"] {
  if (first) return "oldest";
  if (number > 0) return { newest: number };
  return follow ? "next" : "oldest";
}

function wallNanoseconds(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}
