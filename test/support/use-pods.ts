import type { LabNode } from "#agent/local/lab-node.ts";
import type { LabPod, LabPodOptions } from "#agent/local/lab-pod.ts";
import { prepare } from "./use-node.ts";

/**
 * Pods for all tests of a file, added before the first. Each has its name as its label
 * `app`, unless told otherwise.
 *
 * @returns the pods by name; empty until the tests begin.
 */
export function usePods<Name extends string>(
  node: () => LabNode,
  names: readonly Name[],
  options?: Readonly<Partial<Record<Name, Partial<LabPodOptions>>>>,
): Readonly<Record<Name, LabPod>> {
  const pods = {} as Record<Name, LabPod>;
  prepare(async () => {
    for (const name of names) pods[name] = await node().addPod({ name, labels: { app: name }, ...options?.[name] });
  });
  return pods;
}
