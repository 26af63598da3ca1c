import { runningAgent } from "#agent/api/run-dir.ts";
import { agentSocket } from "#agent/api/run-dir-paths.ts";
import { ApiClient } from "#agent/api/client.ts";
import { LabError } from "#agent/local/errors.ts";
import type { Lab } from "#agent/local/lab.ts";
import { LabNode } from "#agent/local/lab-node.ts";
import type { PodHost } from "#agent/local/lab-pod.ts";
import type { NetworkNamespace } from "#agent/local/network-namespace.ts";

/** The node that is tested. */
export interface Place extends PodHost {
  readonly client: ApiClient;
  /** Its network namespace. */
  readonly namespace: Pick<NetworkNamespace, "enter" | "path">;
  /** Whether it lives for the test alone. */
  readonly isOwn: boolean;
}

/** A node of the test's own, in a network namespace, with an agent on the embedded store. */
export async function ownNode(lab: Lab, signal: AbortSignal): Promise<Place> {
  const node = LabNode.create(lab, { name: "connectivity" });
  await node.startAgent({ signal });
  return { lab, client: node.client, namespace: node.namespace, runDir: node.runDir, isOwn: true };
}

/**
 * The node whose agent has this run folder.
 * @throws ClientError `unreachable`; LabError where its policies would be read otherwise than the test expects.
 */
export async function runningNode(lab: Lab, runDir: string): Promise<Place> {
  const client = new ApiClient(agentSocket(runDir));
  const { policy } = await client.status();
  if (policy.audit || policy.enforcement !== "default" || policy.cidrMatchesPods !== "language") {
    throw new LabError(
      "agent-not-ready",
      "test the running node: its policies are not read as by default; weir config unset audit enforcement cidr-matches-pods, or use --local",
    );
  }
  const agent = await runningAgent(runDir);
  // Of an agent in another process namespace nothing is known but that it answers: it has to be this network namespace.
  const path = agent === undefined || agent.pid === 0 ? "/proc/self/ns/net" : `/proc/${agent.pid}/ns/net`;
  const enter = (command: readonly string[]): string[] => ["nsenter", `--net=${path}`, "--", ...command];
  return { lab, client, namespace: { path, enter }, runDir, isOwn: false };
}
