import type { Admission, DnsAnswer } from "#agent/proxy/names.ts";
import type { RequestRecord } from "#agent/proxy/request-record.ts";
import { Redirect } from "#agent/redirect/redirect.ts";
import { RedirectError } from "#agent/redirect/errors.ts";
import { SystemClock } from "#agent/runtime/clock.ts";
import type { Rule } from "#policy/model/rule.ts";
import { ProxyStandIn, type StandInOptions } from "./proxy-stand-in.ts";
import { makeRule } from "./make-rule.ts";
import { silentLog } from "./silent-log.ts";
import { TemporaryFolder } from "./temporary-folder.ts";

/** A rule that lets through requests of a method. */
export function httpRule(number: number, method: string): Rule {
  const http = { method, path: null, host: null, headers: [], headerMatches: [] };
  return makeRule(number, { action: "redirect", l7: { family: "http", rules: [http] } });
}

export interface SceneOptions {
  readonly patience?: number;
  /** Whether proxies that are started come to answer. */
  readonly starts?: boolean;
  readonly admit?: (answer: DnsAnswer) => Promise<Admission>;
}

/** A run folder, the agent's side of the proxy, and proxies that it starts, in one process. */
export class RedirectScene implements AsyncDisposable {
  readonly proxies: ProxyStandIn[] = [];
  /** Of each start: whether it was to take over. */
  readonly starts: boolean[] = [];
  readonly records: { records: readonly RequestRecord[]; lost: number }[] = [];
  /** DNS answers that did not wait. */
  readonly heard: DnsAnswer[] = [];
  /** ms for which the datapath has not heard from a proxy. */
  silence = 0;
  /** How often the routes were looked after. */
  routed = 0;
  readonly #folder = new TemporaryFolder();
  readonly #options: SceneOptions;
  readonly #agents: Redirect[] = [];
  readonly #ended = new Map<number, (why: RedirectError) => void>();
  #pid = 1000;

  constructor(options: SceneOptions = {}) {
    this.#options = options;
  }

  /** The agent's side: a new life of it with each call. */
  agent(): Redirect {
    const { patience = 30_000, admit = () => Promise.resolve("admitted" as const) } = this.#options;
    const agent = new Redirect({
      runDir: this.#folder.path,
      build: "own",
      route: () => void this.routed++,
      silence: () => this.silence,
      start: (replaces) => this.#start(replaces),
      clock: new SystemClock({ boot: () => process.hrtime.bigint(), real: () => BigInt(Date.now()) * 1_000_000n }),
      log: silentLog(),
      records: (records, lost) => void this.records.push({ records, lost }),
      admit,
      heard: (answer) => void this.heard.push(answer),
      minTtl: 30,
      dnsDenial: "nxdomain",
      patience,
    });
    this.#agents.push(agent);
    return agent;
  }

  /** A proxy that is there. */
  async proxy(options: Partial<StandInOptions> = {}): Promise<ProxyStandIn> {
    const proxy = await ProxyStandIn.start({ runDir: this.#folder.path, pid: ++this.#pid, ...options });
    this.proxies.push(proxy);
    return proxy;
  }

  get latest(): ProxyStandIn {
    const proxy = this.proxies.at(-1);
    if (!proxy) throw new Error("there is no proxy yet");
    return proxy;
  }

  /** As a process that is killed. */
  async kill(proxy: ProxyStandIn): Promise<void> {
    await proxy[Symbol.asyncDispose]();
    this.#ended.get(proxy.pid)?.(RedirectError.notStarted("it was killed", "proxy.log"));
  }

  #start(replaces: boolean): { pid: number; ended: Promise<RedirectError> } {
    this.starts.push(replaces);
    const pid = ++this.#pid;
    const { promise, resolve } = Promise.withResolvers<RedirectError>();
    this.#ended.set(pid, resolve);
    if (this.#options.starts === false) resolve(RedirectError.notStarted("it has ended with exit code 1", "proxy.log"));
    else void this.proxy({ pid });
    return { pid, ended: promise };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.#agents) await agent[Symbol.asyncDispose]();
    for (const proxy of this.proxies) await proxy[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }
}
