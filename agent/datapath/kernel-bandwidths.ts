import { BpfMap, type MapHandle } from "libbpf-ts";
import type { BandwidthLimit, BandwidthUse, EndpointBandwidth } from "./kernel.ts";
import { type Bandwidth, bandwidth, type BandwidthKey, bandwidthKey, Direction } from "./layouts.gen.ts";

const directions = { egress: Direction.EGRESS, ingress: Direction.INGRESS } as const;
type Way = keyof typeof directions;
const ways = Object.keys(directions) as Way[];

export function toBandwidthKey(endpoint: number, way: Way): BandwidthKey {
  return { endpoint, direction: directions[way] };
}

/** As it is before anything has passed. */
export function toBandwidth({ rate, burst }: BandwidthLimit): Bandwidth {
  return {
    rate: BigInt(rate),
    burst: BigInt(burst),
    throughAt: 0n,
    droppedPackets: 0n,
    droppedBytes: 0n,
    tellAt: 0n,
  };
}

/** The map `bandwidths`. */
export class KernelBandwidths {
  readonly #map: BpfMap<BandwidthKey, Bandwidth>;
  /** Endpoints that have entries, so that nothing is looked up for all the others. */
  readonly #limited: Set<number>;

  constructor(handle: MapHandle) {
    this.#map = new BpfMap(handle, bandwidthKey, bandwidth);
    this.#limited = new Set([...this.#map.entries()].map(([{ endpoint }]) => endpoint));
  }

  read(endpoint: number): EndpointBandwidth {
    const limitOf = (way: Way): BandwidthLimit | null => {
      const found = this.#map.get(toBandwidthKey(endpoint, way));
      return found ? { rate: Number(found.rate), burst: Number(found.burst) } : null;
    };
    return { egress: limitOf("egress"), ingress: limitOf("ingress") };
  }

  list(): BandwidthUse[] {
    return [...this.#map.entries()].map(([{ endpoint, direction }, { rate, burst, droppedPackets, droppedBytes }]) => ({
      endpoint,
      direction: direction === Direction.EGRESS ? "egress" : "ingress",
      rate: Number(rate),
      burst: Number(burst),
      droppedPackets,
      droppedBytes,
    }));
  }

  /** Writes limits that are new or other than they were; what has passed by the others stays counted. */
  write(endpoint: number, limits: EndpointBandwidth): void {
    const there = this.#limited.has(endpoint) ? this.read(endpoint) : null;
    for (const way of ways) {
      const limit = limits[way];
      if (limit === null || (there?.[way]?.rate === limit.rate && there[way].burst === limit.burst)) continue;
      const before = there?.[way] ? this.#map.get(toBandwidthKey(endpoint, way)) : undefined;
      const { rate, burst } = toBandwidth(limit);
      this.#map.set(toBandwidthKey(endpoint, way), { ...toBandwidth(limit), ...before, rate, burst });
      this.#limited.add(endpoint);
    }
  }

  /** Removes all limits but these. */
  retain(endpoint: number, limits: EndpointBandwidth | undefined): void {
    if (!this.#limited.has(endpoint)) return;
    for (const way of ways) if (!limits?.[way]) this.#map.delete(toBandwidthKey(endpoint, way));
    if (!limits?.egress && !limits?.ingress) this.#limited.delete(endpoint);
  }
}
