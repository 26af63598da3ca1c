import type { ApiClient, Query } from "#agent/api/client.ts";
import type { Flow } from "#agent/api/flow.ts";
import { LabError } from "./errors.ts";

/** The connection that a flow is about, as far as its reader can tell before it is made. */
export interface FlowKey {
  /** `NAMESPACE/POD` */
  readonly from: string;
  readonly to: string;
  readonly family: 4 | 6;
  readonly protocol: "TCP" | "UDP";
  readonly port: number;
}

/** `NAMESPACE/POD` of an end of a flow, or its address. */
export function endOf(flow: Flow, end: "source" | "destination"): string {
  const { namespace, pod_name: pod } = flow[end];
  return namespace !== undefined && pod !== undefined ? `${namespace}/${pod}` : (flow.IP?.[end] ?? "?");
}

/** Protocol and ports of a flow; undefined when it has none. */
export function portsOf(flow: Flow): { protocol: string; source: number; destination: number } | undefined {
  for (const protocol of ["TCP", "UDP", "SCTP"] as const) {
    const ports = flow.l4?.[protocol];
    if (ports !== undefined) return { protocol, source: ports.source_port, destination: ports.destination_port };
  }
  return undefined;
}

function matches(flow: Flow, key: FlowKey): boolean {
  const ports = portsOf(flow);
  return (
    // Of the connection itself, not of a request on it.
    flow.Type === "L3_L4" &&
    !flow.is_reply &&
    endOf(flow, "source") === key.from &&
    endOf(flow, "destination") === key.to &&
    flow.IP?.ipVersion === (key.family === 4 ? "IPv4" : "IPv6") &&
    ports?.protocol === key.protocol &&
    ports.destination === key.port
  );
}

/** Follows an agent's flows, tells each to a listener, and lets others wait for one. */
export class FlowLog implements AsyncDisposable {
  readonly #abort = new AbortController();
  readonly #flows: Flow[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #done: Promise<void>;
  #failure: unknown;
  #lost = 0;

  /** Begins with what the agent has kept, and goes on until disposed of. A query leaves some flows out. */
  constructor(client: ApiClient, listener: (flow: Flow) => void = () => undefined, query: Query = {}) {
    this.#done = this.#follow(client, listener, query);
  }

  /** Number of flows so far: a mark for {@link find} and {@link since}. */
  get mark(): number {
    return this.#flows.length;
  }

  /** Flows that the agent could not keep. */
  get lost(): number {
    return this.#lost;
  }

  /** All flows from a mark on. */
  since(mark: number): readonly Flow[] {
    return this.#flows.slice(mark);
  }

  /**
   * The first flow from a mark on that is about the connection.
   * @throws LabError `timed-out`, or what ended the stream.
   */
  async find(key: FlowKey, { after = 0, within = 10_000 } = {}): Promise<Flow> {
    const found = await this.first((flow) => matches(flow, key), { after, within });
    if (found !== undefined) return found;
    const what = `${key.from} -> ${key.to} ${key.protocol} ${key.port}`;
    throw new LabError("timed-out", `wait for flow ${what}: not seen within ${within / 1000} s`);
  }

  /**
   * The first flow from a mark on that is such; undefined when none comes in time, or before the signal.
   * @throws what ended the stream.
   */
  async first(
    isWanted: (flow: Flow) => boolean,
    { after = 0, within = 10_000, signal }: { after?: number; within?: number; signal?: AbortSignal } = {},
  ): Promise<Flow | undefined> {
    const deadline = performance.now() + within;
    for (let next = after; ;) {
      const end = this.#flows.length;
      const found = this.#flows.slice(next, end).find(isWanted);
      if (found !== undefined) return found;
      next = Math.max(next, end);
      if (this.#failure !== undefined) throw this.#failure as Error;
      const left = deadline - performance.now();
      if (left <= 0 || signal?.aborted) return undefined;
      await this.#changed(end, left, signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#done;
  }

  async #changed(length: number, timeout: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#flows.length !== length) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeout);
    this.#waiting.add(resolve);
    signal?.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    clearTimeout(timer);
    this.#waiting.delete(resolve);
  }

  async #follow(client: ApiClient, listener: (flow: Flow) => void, query: Query): Promise<void> {
    try {
      const all: Query = { follow: true, last: 100_000, lost: true, ...query };
      for await (const line of client.flows(all, this.#abort.signal)) {
        if ("lost_events" in line) {
          this.#lost += Number(line.lost_events.num_events_lost);
          continue;
        }
        this.#flows.push(line);
        listener(line);
        for (const wake of this.#waiting) wake();
      }
      this.#failure = new LabError("worker-ended", "follow flows: the agent ended the stream");
    } catch (error) {
      this.#failure = error;
    }
    for (const wake of this.#waiting) wake();
  }
}
