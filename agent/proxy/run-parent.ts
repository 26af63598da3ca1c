import { closeSync, mkdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { ProxyListener, type ProxyState } from "#agent/datapath/layouts.gen.ts";
import { tryLockFolder } from "#agent/net/folder-lock.ts";
import { reasonOf } from "#agent/runtime/errors.ts";
import type { Log } from "#agent/runtime/log.ts";
import type { AgentAway } from "./admissions.ts";
import type { ChildSpec } from "./child.ts";
import { ControlSocket } from "./control-socket.ts";
import { ProxyError } from "./errors.ts";
import type { HelloMessage } from "./messages.ts";
import type { ProxyOptions } from "./options.ts";
import { Parent } from "./parent.ts";
import { Predecessor } from "./predecessor.ts";
import { ProxyMap, SIGN_OF_LIFE } from "./proxy-map.ts";
import { RuleSnapshot } from "./rule-snapshot.ts";
import { boundPort, listenerKinds, openListener } from "./sockets.ts";

/** Bounds of what a client sends before it is understood. */
const HEAD_BYTES = 64 * 1024;
const HEAD_FIELDS = 200;
/** Beyond the time that connections have to end, in ms: for the children to end, too. */
const PATIENCE = 10_000;

export interface ParentProgram {
  readonly options: ProxyOptions;
  readonly build: string;
  readonly log: Log;
  /** Files for Node: for TCP, and for datagrams (null: none are served). */
  readonly worker: string;
  readonly datagrams: string | null;
  readonly away: AgentAway;
  /** No new connections. */
  readonly stop: AbortSignal;
  /** No connections at all. */
  readonly kill: AbortSignal;
}

/**
 * Runs a proxy from its start to the end of its last connection.
 *
 * @throws ProxyError, before it serves anything.
 */
export async function runParent(program: ParentProgram): Promise<void> {
  const { options, build, log, stop } = program;
  mkdirSync(options.runDir, { recursive: true, mode: 0o755 });
  await using stack = new AsyncDisposableStack();
  const starting = stack.use(await takeTurn(options.runDir, stop));
  const snapshot = new RuleSnapshot();
  const predecessor = await findPredecessor(options, stack);
  const listeners = predecessor ? await takeOver(predecessor, snapshot) : listenerKinds.map(openListener);
  const port = (index: number): number => {
    const fd = listeners[index] ?? null;
    return fd === null ? 0 : boundPort(fd);
  };
  const { TCP4, TCP6, UDP4, UDP6 } = ProxyListener;
  const ports: ProxyState["ports"] = [port(TCP4), port(TCP6), port(UDP4), port(UDP6)];
  log.info({ pid: process.pid, ports, rules: snapshot.version }, "the proxy starts");

  let map: ProxyMap | null = null;
  const parent = new Parent({
    listeners,
    specs: specsOf(program, listeners),
    build,
    snapshot,
    away: program.away,
    log,
    draining: (successor) => {
      // Those that have a successor are not spoken of by the old one any more.
      if (successor === null) map?.clear();
      map?.[Symbol.dispose]();
      for (const fd of listeners) if (fd !== null) closeSync(fd);
      setTimeout(() => parent.kill(), options.drainTime * 1000 + PATIENCE).unref();
    },
  });
  predecessor?.link.follow(
    (update) => parent.tellRules(update, predecessor.link),
    (rules) => parent.tellNames(rules),
  );
  program.kill.addEventListener("abort", () => parent.kill());
  stop.addEventListener("abort", () => parent.drain(null));
  if (stop.aborted) parent.drain(null);
  await Promise.race([parent.ready, parent.ended]);
  const control = await ControlSocket.open(options.runDir, (socket) => parent.connected(socket));
  stack.defer(() => control.close());
  if (!stop.aborted) map = new ProxyMap(options.bpffs, ports, aliveBy(parent, log));
  predecessor?.link.drain();
  starting[Symbol.dispose]();
  log.info("the proxy serves connections");
  await parent.ended;
  log.info("the last connection has ended, and the proxy with it");
}

interface Found {
  readonly link: Predecessor;
  readonly hello: HelloMessage;
}

/** The proxy whose listeners there are to be taken over; null: none takes connections. */
async function findPredecessor({ runDir, replace }: ProxyOptions, stack: AsyncDisposableStack): Promise<Found | null> {
  const link = await Predecessor.find(runDir);
  if (!link) return null;
  stack.use(link);
  const hello = await link.hello();
  if (hello.isDraining) return null;
  if (replace) return { link, hello };
  const obstacle = `the proxy with process id ${hello.pid} runs in ${runDir}`;
  throw new ProxyError("take-over", {
    asked: "start a proxy",
    obstacle,
    remedy: "use --replace, or another --run-dir",
  });
}

async function takeOver({ link, hello }: Found, snapshot: RuleSnapshot): Promise<(number | null)[]> {
  const { listeners, updates } = await link.handOver(hello);
  for (const update of updates) {
    snapshot.apply(update);
    // Nobody serves connections here before having this one.
    link.acknowledged(update.version);
  }
  return listeners;
}

function specsOf({ options, worker, datagrams }: ParentProgram, listeners: readonly (number | null)[]): ChildSpec[] {
  const common: ChildSpec["options"] = {
    bpffs: options.bpffs,
    // Whoever accepts, its share: so they need not ask each other.
    connectionsOfClient: Math.ceil(options.connectionsPerClient / options.workers),
    limits: {
      headBytes: HEAD_BYTES,
      headFields: HEAD_FIELDS,
      headTimeout: options.headTimeout * 1000,
      idleTimeout: options.idleTimeout * 1000,
    },
    drainTime: options.drainTime * 1000,
  };
  const of = (protocol: "TCP" | "UDP"): number[] =>
    listeners.filter((fd, index) => fd !== null && listenerKinds[index]?.protocol === protocol) as number[];
  const spec = (program: string, protocol: "TCP" | "UDP"): ChildSpec => ({
    program,
    options: common,
    listeners: of(protocol),
  });
  const specs = Array.from({ length: options.workers }, () => spec(worker, "TCP"));
  return datagrams === null ? specs : [...specs, spec(datagrams, "UDP")];
}

function aliveBy(parent: Parent, log: Log): { isAlive: () => boolean; failed: (error: unknown) => void } {
  let told: string | null = null;
  return {
    isAlive: () => parent.isAlive(SIGN_OF_LIFE),
    failed: (error) => {
      const reason = reasonOf(error);
      // Ten times a second the same would say no more.
      if (reason !== told) log.error({ err: error }, "the datapath cannot be told that the proxy works");
      told = reason;
    },
  };
}

/** Proxies that are started at the same moment in one folder begin one after the other: the later one finds the earlier. */
async function takeTurn(runDir: string, stop: AbortSignal): Promise<Disposable> {
  let lock = tryLockFolder(runDir);
  for (; lock === null; lock = tryLockFolder(runDir)) {
    stop.throwIfAborted();
    await delay(50);
  }
  const turn = new DisposableStack();
  turn.use(lock);
  return turn;
}
