import { ApiError } from "./errors.ts";
import type { Pool } from "./route.ts";

/** Most requests that each pool serves at a time. */
export type PoolSizes = Readonly<Record<Pool, number>>;

export const defaultPoolSizes: PoolSizes = { call: 256, wait: 64, stream: 32 };

/** Counts what is being served, and refuses what is too much. */
export class Pools {
  readonly #sizes: PoolSizes;
  readonly #used: Record<Pool, number> = { call: 0, wait: 0, stream: 0 };

  constructor(sizes: PoolSizes = defaultPoolSizes) {
    this.#sizes = sizes;
  }

  /** Takes a place until it is disposed of. @throws ApiError `busy`. */
  take(pool: Pool): Disposable {
    if (this.#used[pool] >= this.#sizes[pool]) {
      throw new ApiError("busy", {
        asked: "serve request",
        obstacle: `${this.#sizes[pool]} of its kind are being served`,
        remedy: "try again",
      });
    }
    this.#used[pool]++;
    return {
      [Symbol.dispose]: () => {
        this.#used[pool]--;
      },
    };
  }
}
