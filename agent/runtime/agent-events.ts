import { Waiting } from "./waiting.ts";

/** What the agent has done: who came and went, which policy, which addresses. Hubble's `AgentEvent`s. */

interface EndpointSubject {
  readonly id: number;
  /** `k8s:app=web` */
  readonly labels: readonly string[];
  readonly namespace: string;
  readonly pod: string;
}

export type AgentEventBody =
  | { readonly type: "AGENT_STARTED" }
  | {
      readonly type: "POLICY_UPDATED" | "POLICY_DELETED";
      readonly kind: string;
      readonly namespace: string;
      readonly name: string;
      /** The policy generation that it is in, or not in any more. */
      readonly revision: bigint;
    }
  | ({ readonly type: "ENDPOINT_CREATED" | "ENDPOINT_DELETED" | "ENDPOINT_REGENERATE_SUCCESS" } & EndpointSubject)
  | { readonly type: "IPCACHE_UPSERTED"; readonly cidr: string; readonly identity: number }
  | { readonly type: "IPCACHE_DELETED"; readonly cidr: string };

export type AgentEvent = AgentEventBody & {
  /** Nanoseconds since 1970. */
  readonly time: bigint;
};

/** What a reader wants. Times in nanoseconds since 1970. */
export interface AgentEventQuery {
  readonly since?: bigint;
  readonly until?: bigint;
  /** At most so many: the newest, or with {@link first} the oldest. */
  readonly number?: number;
  readonly first: boolean;
  /** Go on with what comes; without `since` and `number` begin with it. */
  readonly follow: boolean;
}

/** The latest of them, in memory. */
export class AgentEvents {
  readonly #capacity: number;
  readonly #now: () => bigint;
  readonly #events: AgentEvent[] = [];
  /** How many there were before those. */
  #gone = 0;
  readonly #waiting = new Waiting();

  /** @param now the wall clock's nanoseconds since 1970. */
  constructor(now: () => bigint, capacity = 4096) {
    this.#now = now;
    this.#capacity = capacity;
  }

  add(...bodies: readonly AgentEventBody[]): void {
    this.addAll(bodies);
  }

  /** As {@link add}, of as many as there are: a call has no room for very many arguments. */
  addAll(bodies: readonly AgentEventBody[]): void {
    const time = this.#now();
    this.#gone += Math.max(0, bodies.length - this.#capacity);
    for (const body of bodies.slice(-this.#capacity)) this.#events.push({ ...body, time });
    const surplus = this.#events.length - this.#capacity;
    if (surplus > 0) {
      this.#events.splice(0, surplus);
      this.#gone += surplus;
    }
    this.#waiting.notify();
  }

  /** Batches, oldest first; what is overwritten before a slow reader comes is left out. */
  async *read(query: AgentEventQuery, signal: AbortSignal): AsyncGenerator<readonly AgentEvent[]> {
    const { since = 0n, until, number = Infinity, first, follow } = query;
    const wanted = ({ time }: AgentEvent): boolean => time >= since && (until === undefined || time <= until);
    const whole = this.#events.filter(wanted);
    let cursor = this.#gone + this.#events.length;
    if (!follow || query.since !== undefined || query.number !== undefined) {
      yield first ? whole.slice(0, number) : whole.slice(Math.max(0, whole.length - number));
    }
    if (!follow) return;
    while (!signal.aborted) {
      const fresh = this.#events.slice(Math.max(0, cursor - this.#gone));
      cursor = this.#gone + this.#events.length;
      if (fresh.length > 0) yield fresh.filter(wanted);
      if (until !== undefined && this.#now() > until) return;
      if (cursor === this.#gone + this.#events.length) await this.#waiting.next(signal);
    }
  }
}
