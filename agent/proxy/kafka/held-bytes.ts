/** Bytes that are kept for each client, by address: one alone must not use up the process's memory, on however many connections. */
export class HeldBytes {
  readonly #most: number;
  readonly #of = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** @returns whether the client has no more than it may have. */
  change(client: string, by: number): boolean {
    const held = (this.#of.get(client) ?? 0) + by;
    if (held > 0) this.#of.set(client, held);
    else this.#of.delete(client);
    return held <= this.#most;
  }
}
