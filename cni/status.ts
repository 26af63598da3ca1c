import { AgentAbsent } from "./agent-client.ts";
import type { Call } from "./call.ts";
import { CniError, ErrorCode } from "./errors.ts";

/** STATUS: whether the agent would serve an ADD now. */
export function status({ agent }: Call): void {
  try {
    const { ready, limited, problems } = agent.status();
    if (limited) throw new CniError(ErrorCode.LIMITED, `containers may be limited: ${problems.join("; ")}`);
    if (!ready) throw new CniError(ErrorCode.UNAVAILABLE, `agent is not ready: ${problems.join("; ")}`);
  } catch (error) {
    // The programs in the kernel go on without the agent: containers that exist are not limited.
    if (error instanceof AgentAbsent) throw new CniError(ErrorCode.UNAVAILABLE, error.message);
    if (error instanceof CniError && error.code === ErrorCode.LIMITED) throw error;
    if (error instanceof CniError) throw new CniError(ErrorCode.UNAVAILABLE, error.message, error.details);
    throw error;
  }
}
