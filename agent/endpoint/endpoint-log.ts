/** One thing that happened to an endpoint. */
export interface EndpointEvent {
  readonly time: string;
  readonly event: string;
  readonly message: string;
}

/** Events that are kept of one endpoint. */
const kept = 64;

/** What happened to endpoints in this life of the agent. */
export class EndpointLog {
  readonly #events = new Map<number, EndpointEvent[]>();

  note(id: number, event: EndpointEvent): void {
    this.#events.set(id, [...this.of(id), event].slice(-kept));
  }

  /** Oldest first. */
  of(id: number): readonly EndpointEvent[] {
    return this.#events.get(id) ?? [];
  }

  forget(id: number): void {
    this.#events.delete(id);
  }
}
