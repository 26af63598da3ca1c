import * as z from "zod";
import { ApiError } from "./errors.ts";

/** Bits a second, or bits; 0: none. Bounded, so that what is computed with it stays exact. */
const bits = z.int().nonnegative().max(1e15).default(0);

/** What the capability `bandwidth` brings: https://www.cni.dev/docs/conventions/ */
const bandwidthCapability = z.strictObject({
  ingressRate: bits,
  ingressBurst: bits,
  egressRate: bits,
  egressBurst: bits,
});

/** Of one way: bits a second, and bits; null: nobody has said. */
interface Limit {
  readonly rate: number;
  readonly burst: number | null;
}

/** What runtimes know by capabilities, as far as this version does it. */
interface RuntimeConfig {
  readonly bandwidth?: { readonly egress: Limit | null; readonly ingress: Limit | null };
}

/**
 * Reads a configuration's `runtimeConfig`.
 *
 * @throws ApiError `bad-request`: what a runtime asks for and this version would not do must not be passed over in silence.
 */
export function readRuntimeConfig(given: Readonly<Record<string, unknown>>): RuntimeConfig {
  const { bandwidth, ...others } = given;
  const unknown = Object.keys(others);
  if (unknown.length > 0) {
    throw new ApiError("bad-request", {
      asked: "attach a pod",
      obstacle: `runtimeConfig has ${unknown.join(", ")}, which is not supported in this version`,
      remedy: "remove the capability from the network configuration",
    });
  }
  return bandwidth === undefined ? {} : readBandwidth(bandwidth);
}

function readBandwidth(given: unknown): RuntimeConfig {
  const read = bandwidthCapability.safeParse(given);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw refusal(["bandwidth", ...(issue?.path ?? [])].join("."), issue?.message ?? "is malformed");
  }
  const limit = (way: "egress" | "ingress"): Limit | null => {
    const rate = read.data[`${way}Rate`];
    const burst = read.data[`${way}Burst`];
    if (rate === 0 && burst > 0) throw refusal(`bandwidth.${way}Burst`, `is ${burst}, and there is no ${way}Rate`);
    return rate === 0 ? null : { rate, burst: burst === 0 ? null : burst };
  };
  const asked = { egress: limit("egress"), ingress: limit("ingress") };
  return asked.egress || asked.ingress ? { bandwidth: asked } : {};
}

function refusal(field: string, fault: string): ApiError {
  return new ApiError("bad-request", { asked: "attach a pod", obstacle: `runtimeConfig.${field}: ${fault}` });
}
