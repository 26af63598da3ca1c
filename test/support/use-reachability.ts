import { afterAll } from "vitest";
import type { AddPod } from "./reachability-world.ts";
import { Reachability } from "./reachability.ts";
import { prepare, useNode } from "./use-node.ts";

/** A node with the pods of the world, made by `addPod` or by our own CNI binary, for all tests of a file. Gives it from the first test on. */
export function useReachability(addPod?: AddPod, podCidr = "10.5.0.0/24,fd00:5::/64"): () => Reachability {
  const node = useNode({ podCidr });
  let reachability: Reachability | undefined;
  prepare(async () => {
    reachability = await Reachability.create(node(), addPod);
  });
  afterAll(async () => reachability?.[Symbol.asyncDispose]());
  return () => {
    if (reachability === undefined) throw new Error("use reachability: the node has not been started");
    return reachability;
  };
}
