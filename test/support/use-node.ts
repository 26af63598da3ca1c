import { afterAll, beforeAll, beforeEach } from "vitest";
import { LabNode, type LabNodeOptions } from "#agent/local/lab-node.ts";
import { Lab } from "#agent/local/lab.ts";
import { unmet } from "./requirement.ts";

export interface UseNodeOptions extends LabNodeOptions {
  /** Files of the objects folder, there before the agent starts. */
  readonly objects?: Readonly<Record<string, string>>;
  /** Further options of the agent, at its first start. */
  readonly args?: readonly string[];
}

/** What a test of a node needs. */
function reasonToSkip(): string | undefined {
  return unmet("root", "namespaces", "dist");
}

/** A `beforeAll` for pods and traffic; left out where {@link useNode} skips the tests. */
export function prepare(hook: () => Promise<void>): void {
  beforeAll(async () => {
    if (reasonToSkip() === undefined) await hook();
  });
}

/**
 * One node with a running agent for all tests of a file; on a machine that cannot, they
 * are skipped with the reason.
 *
 * @returns the node, from the first hook or test on.
 */
export function useNode({ objects = {}, args = [], ...options }: UseNodeOptions = {}): () => LabNode {
  const reason = reasonToSkip();
  let lab: Lab | undefined;
  let node: LabNode | undefined;
  beforeAll(async () => {
    if (reason !== undefined) return;
    lab = await Lab.create();
    node = LabNode.create(lab, options);
    for (const [file, text] of Object.entries(objects)) node.writeObjects(file, text);
    await node.startAgent({ args });
  });
  afterAll(async () => lab?.[Symbol.asyncDispose]());
  beforeEach((context) => {
    if (reason !== undefined) context.skip(reason);
  });
  return () => {
    if (node === undefined) throw new Error("use node: it has not been started");
    return node;
  };
}
