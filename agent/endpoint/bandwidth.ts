import type { BandwidthLimit, EndpointBandwidth } from "#agent/datapath/kernel.ts";
import type { PodBandwidth } from "#policy/model/bandwidth.ts";
import * as z from "zod";

const asked = z.object({
  /** Bits a second. */
  rate: z.int().positive(),
  /** Bits; null: nobody has said. */
  burst: z.int().positive().nullable(),
});

/** What ADD asked for, one way and the other; null: no limit. */
export const askedBandwidth = z.object({ egress: asked.nullable(), ingress: asked.nullable() });
export type AskedBandwidth = z.infer<typeof askedBandwidth>;

const NS_PER_SECOND = 1e9;

/** How much may pass at once after a rest, in ns of the rate, unless ADD says less. See `bpf/README.md`. */
export const BURST = 300_000_000;

/**
 * An endpoint's limits, each way: a Pod object's annotation, which can change, goes before what ADD brought.
 *
 * Undefined: there is none.
 */
export function endpointBandwidth(
  ofPod: PodBandwidth | undefined,
  ofAdd: AskedBandwidth | undefined,
): EndpointBandwidth | undefined {
  const limit = (way: "egress" | "ingress"): BandwidthLimit | null => {
    const rate = ofPod?.[way] ?? null;
    return toLimit(rate === null ? (ofAdd?.[way] ?? null) : { rate, burst: null });
  };
  const limits = { egress: limit("egress"), ingress: limit("ingress") };
  return limits.egress || limits.ingress ? limits : undefined;
}

/**
 * A burst that is longer than ours is not taken at its word: runtimes that know of none ask for 2^31 or 2^32
 * bits, which would be no limit at all for most connections.
 */
function toLimit(one: z.infer<typeof asked> | null): BandwidthLimit | null {
  if (one === null) return null;
  const { rate, burst } = one;
  const time = burst === null ? BURST : Math.min(BURST, Math.round((burst / rate) * NS_PER_SECOND));
  return { rate: Math.max(1, Math.round(rate / 8)), burst: time };
}
