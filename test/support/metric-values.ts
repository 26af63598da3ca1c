import { expect } from "vitest";
import type { LabNode } from "#agent/local/lab-node.ts";
import { until } from "#agent/local/until.ts";

/** Every series of a node's metrics, written as Prometheus would: `weir_endpoints{state="ready"}`. */
export async function metricValues(node: LabNode): Promise<Map<string, number>> {
  const metrics = await node.client.metrics();
  return new Map(
    metrics.map(({ name, labels, value }) => {
      const parts = Object.entries(labels).map(([label, text]) => `${label}=${JSON.stringify(text)}`);
      return [parts.length === 0 ? name : `${name}{${parts.join(",")}}`, value];
    }),
  );
}

/**
 * Expects that these series grow by exactly so much by what is done; events come a little
 * later than their packets, so it waits for them, and then looks that nothing more comes with them.
 */
export async function expectGrowth(
  node: LabNode,
  act: () => Promise<unknown>,
  growth: Readonly<Record<string, number>>,
): Promise<void> {
  const before = await metricValues(node);
  await act();
  const grown = async (): Promise<Record<string, number>> => {
    const after = await metricValues(node);
    return Object.fromEntries(
      Object.keys(growth).map((name) => [name, (after.get(name) ?? 0) - (before.get(name) ?? 0)]),
    );
  };
  const isThere = (now: number, wanted: number): boolean => (wanted < 0 ? now <= wanted : now >= wanted);
  await until(`${Object.keys(growth).join(", ")} to have grown`, async () => {
    const now = await grown();
    return Object.entries(growth).every(([name, wanted]) => isThere(now[name] ?? 0, wanted));
  });
  expect(await grown()).toEqual(growth);
}
