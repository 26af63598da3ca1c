import { expect } from "vitest";
import type { LabPod } from "#agent/local/lab-pod.ts";
import type { Outcome, Target, Transport } from "#agent/local/traffic-protocol.ts";
import type { Traffic } from "#agent/local/traffic.ts";

/** Whom traffic goes to: a pod by its IPv4 address, or an address. */
export type To = LabPod | string;

export interface TrafficOptions {
  readonly protocol?: Transport;
  readonly sourcePort?: number;
}

export function targetOf(to: To, port: number, protocol: Transport = "TCP"): Target {
  return { protocol, address: typeof to === "string" ? to : to.ipv4, port };
}

/**
 * Attempts a connection and expects this outcome. Waits long for an answer, and only a
 * little for silence: what is dropped stays so. A port that nobody serves answers too,
 * with a refusal: it tells that policy let the packet through.
 */
export async function expectTraffic(
  from: { readonly traffic: Traffic } | Traffic,
  to: To,
  port: number,
  outcome: Outcome,
  { protocol = "TCP", sourcePort = 0 }: TrafficOptions = {},
): Promise<void> {
  const traffic = "traffic" in from ? from.traffic : from;
  const target = targetOf(to, port, protocol);
  const timeout = outcome === "silent" ? 400 : 5000;
  expect([target, await traffic.attempt(target, { timeout, sourcePort })]).toEqual([target, outcome]);
}
