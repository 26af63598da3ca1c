/**
 * Asks a server again and again on connections that are kept alive, until it is told to stop by its parent's going:
 * `http-load-worker.ts HOST PORT PATH CONNECTIONS`. Says what was answered each time it is asked.
 */
import { Agent, get } from "node:http";
import type { LoadReport } from "./http-load.ts";

const [host, port, path, connections] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) });
const statuses: Record<string, number> = {};
const failures: Record<string, number> = {};
let opened = 0;

/** One answer: its status, or why there was none. */
function ask(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const asked = get({ host, port: Number(port), path, agent, timeout: 20_000 }, (answer) => {
    answer.resume();
    answer.on("end", () => {
      count(statuses, String(answer.statusCode));
      resolve();
    });
    answer.on("error", fail);
  });
  const fail = (error: NodeJS.ErrnoException): void => {
    count(failures, `${error.code ?? error.message}${asked.reusedSocket ? " on a connection that was open" : ""}`);
    resolve();
  };
  asked.on("socket", (socket) => {
    if (socket.connecting) opened++;
  });
  asked.on("timeout", () => asked.destroy(new Error("no answer")));
  asked.on("error", fail);
  return promise;
}

function count(counts: Record<string, number>, what: string): void {
  counts[what] = (counts[what] ?? 0) + 1;
}

process.on("message", () => {
  const report: LoadReport = { statuses, failures, opened };
  process.send?.(report);
});
process.on("disconnect", () => process.exit());

async function askOn(): Promise<never> {
  for (;;) await ask();
}
await Promise.all(Array.from({ length: Number(connections) }, askOn));
