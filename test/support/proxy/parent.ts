/** A proxy under test: `weir proxy` with workers whose world the test makes. */
import { join } from "node:path";
import { proxyOptions } from "#agent/proxy/options.ts";
import { runParent } from "#agent/proxy/run-parent.ts";
import { createLog } from "#agent/runtime/log.ts";

const [stop, kill] = [new AbortController(), new AbortController()];
process.on("SIGTERM", () => (stop.signal.aborted ? kill : stop).abort());
await runParent({
  options: proxyOptions(process.argv.slice(2)),
  build: process.env["WEIR_TEST_BUILD"] ?? "test",
  log: await createLog({ level: "info", format: "json" }),
  worker: join(import.meta.dirname, "worker.ts"),
  datagrams: null,
  away: { rules: null, admit: () => "refused" },
  stop: stop.signal,
  kill: kill.signal,
});
