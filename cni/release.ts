import type { ReleaseQuery } from "#agent/api/attachment.ts";

import { AgentAbsent, type AgentClient, AgentRefusal } from "./agent-client.ts";
import type { DeleteQueue } from "./delete-queue.ts";
import type { Log } from "./log.ts";

/**
 * Has the agent release an attachment. When it is away or busy, a request is left for it
 * and the release counts as done: an unreachable agent must not keep containers from going.
 *
 * @throws CniError when the agent refuses for another reason, or the request cannot be left.
 */
export function releaseAttachment(agent: AgentClient, queue: DeleteQueue, log: Log, attachment: ReleaseQuery): void {
  try {
    const { released } = agent.release(attachment);
    log.write("debug", released ? "released" : "nothing to release");
  } catch (error) {
    if (!isTransient(error)) throw error;
    queue.add(attachment.containerId, attachment.ifName);
    log.write("warn", "left a delete request for the agent", { reason: error.message });
    releaseAgain(agent, queue, attachment);
  }
}

/**
 * The agent may have started, and worked through the folder, between the first attempt and
 * the file: without this the file would stay until its next start.
 */
function releaseAgain(agent: AgentClient, queue: DeleteQueue, attachment: ReleaseQuery): void {
  try {
    agent.release(attachment);
    queue.remove(attachment.containerId, attachment.ifName);
  } catch (error) {
    if (!isTransient(error)) throw error;
  }
}

function isTransient(error: unknown): error is AgentAbsent | AgentRefusal {
  return error instanceof AgentAbsent || (error instanceof AgentRefusal && error.status === 503);
}
