/** How many connections each client has: an endpoint by its number, anybody else by address. */
export class ClientBounds {
  readonly #most: number;
  readonly #open = new Map<number | string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** @returns false: the client has as many as it may have. */
  enter(client: number | string): boolean {
    const open = this.#open.get(client) ?? 0;
    if (open >= this.#most) return false;
    this.#open.set(client, open + 1);
    return true;
  }

  leave(client: number | string): void {
    const open = this.#open.get(client) ?? 0;
    if (open > 1) this.#open.set(client, open - 1);
    else this.#open.delete(client);
  }
}
