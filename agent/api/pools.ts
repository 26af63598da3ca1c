import { ApiError } from "./errors.ts";
import { objectsLimit, type Pool } from "./route.ts";

/** Most requests that each pool serves at a time; missing: none. */
export type PoolSizes = Readonly<Partial<Record<Pool, number>>>;

export const defaultPoolSizes: PoolSizes = { cni: 256, call: 256, table: 16, wait: 64, stream: 32 };

/** Bytes of bodies that each pool keeps at a time. */
const mostBytes = 4 * objectsLimit;

/** A request that is being served, until it is disposed of. */
export interface Place extends Disposable {
  /** Whether so many bytes more of its body may be kept. */
  keep(bytes: number): boolean;
}

/** Counts what is being served, and refuses what is too much. */
export class Pools {
  readonly #sizes: PoolSizes;
  readonly #used = emptyPools();
  readonly #bytes = emptyPools();

  constructor(sizes: PoolSizes = defaultPoolSizes) {
    this.#sizes = sizes;
  }

  /** @throws ApiError `busy`. */
  take(pool: Pool): Place {
    const size = this.#sizes[pool] ?? 0;
    if (this.#used[pool] >= size) {
      throw new ApiError("busy", {
        asked: "serve request",
        obstacle: `${size} of its kind are being served`,
        remedy: "try again",
      });
    }
    this.#used[pool]++;
    let kept = 0;
    return {
      keep: (bytes) => {
        if (this.#bytes[pool] + bytes > mostBytes) return false;
        this.#bytes[pool] += bytes;
        kept += bytes;
        return true;
      },
      [Symbol.dispose]: () => {
        this.#used[pool]--;
        this.#bytes[pool] -= kept;
      },
    };
  }
}

function emptyPools(): Record<Pool, number> {
  return { cni: 0, call: 0, table: 0, wait: 0, stream: 0 };
}
