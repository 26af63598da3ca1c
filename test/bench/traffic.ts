import type { BenchResult } from "./result.ts";

export async function trafficCases(): Promise<BenchResult[]> {
  return [];
}
