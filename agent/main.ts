import { Command, CommanderError, Option } from "commander";
import { claimRunDir } from "#agent/api/run-dir.ts";
import type { ChangeRequest, ServedRequest } from "#agent/api/handler.ts";
import { serveApi } from "#agent/api/server.ts";
import { HubbleServer } from "#agent/hubble/server.ts";
import { hubbleNetwork, hubbleNode } from "#agent/node/hubble.ts";
import { agentOptions } from "#agent/runtime/agent-options.ts";
import { describeProblem, type LoadedConfig, loadConfig } from "#agent/runtime/config.ts";
import { reasonOf, WeirError } from "#agent/runtime/errors.ts";
import { createLog, type Log, subsystemLog } from "#agent/runtime/log.ts";
import { Node } from "#agent/node/node.ts";
import { observeRequest } from "#agent/node/observed.ts";
import { openParts } from "#agent/node/parts.ts";
import { nodePorts } from "#agent/node/ports.ts";
import { PageAccess } from "#agent/ui/access.ts";
import { LiveFlows } from "#agent/ui/live.ts";
import { servePage } from "#agent/ui/server.ts";

const usageError = 2;

function parseFlags(argv: readonly string[]): Record<string, string | boolean | undefined> {
  const command = new Command("weir agent")
    .description("Runs the agent of this node until SIGTERM; the datapath goes on without it.")
    .option("--config <FILE>", "Options from a YAML file; flags and environment go before it.")
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "weir agent: ")) });
  for (const { flag, value, description, default: preset, defaultText, repeatable } of Object.values(agentOptions)) {
    const shown = defaultText ?? preset;
    const text = shown === null ? description : `${description} (default: ${shown})`;
    const one = new Option(value === null ? `--${flag}` : `--${flag} <${value}>`, text);
    if (repeatable) one.argParser((given, before: string | undefined) => (before ? `${before},${given}` : given));
    command.addOption(one);
  }
  return command.parse([...argv], { from: "user" }).opts();
}

/** Runs the agent. @returns the exit status. */
export async function runAgent(argv: readonly string[]): Promise<number> {
  let flags: ReturnType<typeof parseFlags>;
  try {
    flags = parseFlags(argv);
  } catch (error) {
    // Commander has said already what is wrong, or printed the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageError;
    throw error;
  }
  const result = loadConfig({ flags, environment: process.env });
  if (!result.ok) {
    for (const problem of result.problems) process.stderr.write(`weir agent: ${describeProblem(problem)}\n`);
    return usageError;
  }
  const { config } = result;
  const log = await createLog({ level: config.logLevel ?? "info", format: config.logFormat ?? "auto" });
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  try {
    await runNode(result, log, stop);
    return 0;
  } catch (error) {
    // An error with a code has said what to do; the stack of any other is what there is to go by.
    const isExpected = error instanceof WeirError;
    log.fatal(isExpected ? { code: error.code } : { err: error }, `the agent stops: ${reasonOf(error)}`);
    return 1;
  }
}

async function runNode(loaded: LoadedConfig, log: Log, stop: AbortController): Promise<void> {
  const { config } = loaded;
  await using stack = new AsyncDisposableStack();
  const network = hubbleNetwork(config);
  stack.use(await claimRunDir(config.runDir));
  const parts = await openParts(loaded, log, stop.signal, stack);
  const node = new Node(parts);
  await node.restore();
  const apiLog = subsystemLog(log, "api");
  const warn = (message: string, error?: unknown): void => apiLog.warn({ err: error }, message);
  const running = node.run(stop.signal);
  // A part that fails for good ends the agent: its supervisor starts it anew, the datapath goes on.
  const ended = running.finally(() => stop.abort());
  await parts.starting[Symbol.asyncDispose]();
  const served = (request: ServedRequest): void => observeRequest(parts.observations, request);
  const auditLog = subsystemLog(log, "audit");
  const changed = (request: ChangeRequest): void => auditLog.info(request, "a change was asked for");
  const access = new PageAccess();
  const ports = nodePorts(node, access);
  stack.use(await serveApi(config, ports, { warn, served, changed }));
  if (config.uiAddress !== null) {
    const live = new LiveFlows(node.flows, config.nodeName);
    stack.use(await servePage(config.uiAddress, access, { ...ports, live }, { warn, served }));
  }
  stack.use(await HubbleServer.listen(config.runDir, hubbleNode(node), warn, network));
  await parts.changes.run(() => node.replayDeletions());
  log.info({ node: config.nodeName }, "the agent is ready");
  // Who sees the network configuration may call ADD: there is somebody to answer now.
  await Promise.all([ended, parts.install?.run(stop.signal)]);
  log.info("the agent stops; the datapath goes on");
}
