import type { AgentClient } from "./agent-client.ts";
import type { NetworkConfig } from "./config.ts";
import type { DeleteQueue } from "./delete-queue.ts";
import type { Environment } from "./environment.ts";
import type { Log } from "./log.ts";

/** All that a verb works with. */
export interface Call {
  readonly environment: Environment;
  readonly config: NetworkConfig;
  readonly agent: AgentClient;
  readonly queue: DeleteQueue;
  readonly log: Log;
}
