import { serveStarting } from "#agent/api/starting.ts";
import type { StatusView } from "#agent/api/views.ts";
import type { AgentConfig } from "#agent/runtime/config.ts";
import type { LiveOptions } from "#agent/runtime/live-options.ts";
import type { Log } from "#agent/runtime/log.ts";
import type { Store } from "#agent/store/store.ts";
import { policyOptionsOf } from "./config-service.ts";
import { cniOf, proxyOf } from "./status.ts";

interface Starting {
  readonly config: AgentConfig;
  readonly live: LiveOptions;
  readonly store: Store;
  readonly log: Log;
}

/** Answers while the node waits for its store; one that is the node's own is not waited for. Ends once. */
export async function answerWhileStarting(starting: Starting): Promise<AsyncDisposable> {
  const { config, store, log } = starting;
  const stack = new AsyncDisposableStack();
  if (store.kind === "embedded") return stack;
  const warn = (message: string, error?: unknown): void => log.warn({ err: error }, message);
  stack.use(await serveStarting(config.runDir, { status: { status: async () => startingStatus(starting) } }, warn));
  return stack;
}

/** The status of a node whose datapath goes on as an earlier life of the agent left it. */
function startingStatus({ config, live, store }: Starting): StatusView {
  const { state, message } = store.health;
  const why = state === "ok" ? "it reads the store" : `it waits for the store: ${message}`;
  return {
    state: "degraded",
    node: config.nodeName,
    revision: 0,
    policy: policyOptionsOf(live.values),
    store: { kind: store.kind, state },
    datapath: { attach: "not looked at yet", programs: "of the agent before", devices: [], resets: 0, captures: 0 },
    flows: { kept: 0, capacity: 0, seen: 0, lost: 0 },
    masquerade: { enabled: config.masquerade, devices: [], allocated: 0, retries: 0, exhausted: 0 },
    proxy: proxyOf({ state: "off", pid: null, build: null, version: 0, wanted: 0, counts: null, draining: 0 }, 0),
    names: { names: 0, addresses: 0, kept: 0, admitted: 0, refused: 0 },
    cni: cniOf(null),
    ipam: { mode: config.ipam, ranges: [] },
    maps: [],
    endpoints: {},
    problems: [`the agent is starting: ${why}`],
  };
}
