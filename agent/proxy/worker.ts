import { readFileSync } from "node:fs";
import { createLog } from "#agent/runtime/log.ts";
import { childOptions } from "./child-messages.ts";
import { behaveAsChild } from "./child-process.ts";
import { ConnectionServer, type ConnectionServerOptions, type Handlers } from "./connection-server.ts";
import type { Judgements } from "./judgement.ts";
import { ParentLink } from "./parent-link.ts";

/** Descriptors of this process that are none of connections. */
const OTHER_DESCRIPTORS = 64;
/** Of a handler that fails, the log has as many a second; the others are counted there. */
const LOGGED = 10;

export interface WorkerParts extends Pick<ConnectionServerOptions, "tupleOf"> {
  readonly judgements: Judgements;
  readonly handlers: (link: ParentLink) => Handlers;
}

/** Serves connections until the parent says to drain, or has died; then until the last of them has ended. */
export async function runWorker({ judgements, handlers, ...rest }: WorkerParts): Promise<void> {
  const { listeners, connectionsOfClient, limits, drainTime } = childOptions();
  const log = await createLog({ level: "info", format: "auto" });
  const paced = pacer();
  behaveAsChild(log, "a worker of the proxy");
  const link = ParentLink.open({
    serve: () => server.listen(),
    drain: () => {
      void server
        .drain(drainTime)
        .then(() => link.close())
        .then(() => process.exit(0));
    },
  });
  const server = new ConnectionServer({
    ...rest,
    world: {
      judgements,
      rules: link.rules,
      limits,
      counts: link.counts,
      tell: (record) => link.tell(record),
      shownHeaders: () => link.shownHeaders,
    },
    handlers: handlers(link),
    listeners,
    connectionsOfClient,
    connections: Math.floor((descriptorLimit() - OTHER_DESCRIPTORS) / 2),
    failed: (error, serving) => {
      const passedOver = paced();
      if (passedOver !== null) log.error({ err: error, serving, passedOver }, "a connection was not served well");
    },
  });
}

/** How many descriptors this process may have; Node has raised the limit as far as it may. */
function descriptorLimit(): number {
  const [, soft = "1024"] = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
  return Number(soft);
}

/** Gives, for what is to be said, how many were passed over before it; null: pass over. */
function pacer(): () => number | null {
  let second = 0;
  let said = 0;
  let passedOver = 0;
  return () => {
    const now = Math.floor(performance.now() / 1000);
    if (now !== second) {
      second = now;
      said = 0;
    }
    if (said++ >= LOGGED) {
      passedOver++;
      return null;
    }
    const before = passedOver;
    passedOver = 0;
    return before;
  };
}
