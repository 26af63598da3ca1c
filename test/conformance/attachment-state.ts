import type { LabNode } from "#agent/local/lab-node.ts";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { addressOf, type Container } from "./containers.ts";
import { expectState, type NodeState } from "./node-state.ts";
import type { AddResult } from "./result-schema.ts";
import type { Runtime } from "./runtime.ts";

/** What crash tests need. */
export interface CrashScene {
  readonly node: LabNode;
  readonly runtime: Runtime;
  /** Sends to the container. */
  readonly client: LabPod;
  readonly container: Container;
  /** The node without the container. */
  readonly before: NodeState;
}

/** Expects an attachment without a fault: packets come and go, and CHECK has no complaint. */
export async function expectComplete({ client, runtime, container }: CrashScene, result: AddResult): Promise<void> {
  await expectTraffic(client, addressOf(result, 4), 80, "refused");
  await expectTraffic(client, addressOf(result, 6), 80, "refused");
  await runtime.check(container);
}

/** The rest of a runtime's life with a container after a crash: DEL brings the old state back, and a next ADD is as the first. */
export async function expectRecovery(scene: CrashScene, what: string, alsoAgain: boolean): Promise<void> {
  const { node, runtime, container, before } = scene;
  await runtime.delete(container);
  await expectState(node, before, what);
  if (!alsoAgain) return;
  await expectComplete(scene, await runtime.add(container));
  await runtime.delete(container);
  await expectState(node, before, `${what} and another life`);
}
