import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { PROXY_SOCKET, type ProxyCounts } from "#agent/proxy/messages.ts";
import type { Admission, DnsAnswer, DnsDenial, NameRules } from "#agent/proxy/names.ts";
import type { RequestRecord } from "#agent/proxy/request-record.ts";
import type { RuleUpdate } from "#agent/proxy/rule-book.ts";
import { Backoff } from "#agent/runtime/backoff.ts";
import { type Clock, pause } from "#agent/runtime/clock.ts";
import { isErrno, reasonOf } from "#agent/runtime/errors.ts";
import type { Log } from "#agent/runtime/log.ts";
import { Waiting } from "#agent/runtime/waiting.ts";
import type { Rule } from "#policy/model/rule.ts";
import { ControlLink, type Shown, type LinkEvents } from "./control-link.ts";
import { RedirectError } from "./errors.ts";
import type { StartedProxy } from "./proxy-process.ts";
import { RedirectBook } from "./redirect-book.ts";

export interface RedirectOptions extends Shown {
  readonly runDir: string;
  /** Of this agent; a proxy of another one is replaced. */
  readonly build: string;
  /** @param replaces whether it is to take over the listeners of one that runs. */
  readonly start: (replaces: boolean) => StartedProxy;
  /** Has the node route to the proxy what the datapath has marked for it; can be called again at any time. */
  readonly route: () => void;
  /** For how many ms the datapath has not heard from the proxy, without which it sends it nothing. */
  readonly silence: () => number;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of requests; `lost`: how many were lost before these. */
  readonly records: (records: readonly RequestRecord[], lost: number) => void;
  readonly admit: (answer: DnsAnswer) => Promise<Admission>;
  /** As that, of an answer that did not wait. */
  readonly heard: (answer: DnsAnswer) => void;
  /** Seconds that every DNS answer counts for at least. */
  readonly minTtl: number;
  readonly dnsDenial: DnsDenial;
  /** How long, in ms, a change of policy waits for the proxy to know its rules. */
  readonly patience?: number;
}

/** How it stands with the proxy. */
export interface RedirectState {
  /**
   * `off`: no rule in force asks for it, and it was not started for an earlier one. `silent`: it is there, and does not show
   * that it works.
   */
  readonly state: "off" | "ok" | "starting" | "outdated" | "silent";
  readonly pid: number | null;
  readonly build: string | null;
  /** Of the rules that it has, and of those that it is to have. */
  readonly version: number;
  readonly wanted: number;
  readonly counts: ProxyCounts | null;
  /** Earlier ones that serve their last connections. */
  readonly draining: number;
}

/** How often, in ms, it is looked for proxies that nobody has spoken of. */
const lookInterval = 1_000;
/** The same, while one is starting. */
const startInterval = 20;
/** After how many ms without a sign of life a proxy is told of. The datapath sends it nothing new from 1 s on. */
const longSilence = 3_000;
/** How long, in ms, a proxy may take to start. */
const startTimeout = 20_000;
/** From how many ms of life on a proxy that ends is started again at once. */
const longLife = 10_000;

/** Within how many ms from its beginning on the end of a connection is no accident. */
const briefLink = 1_000;

/** What a connection to a proxy that is no more meets. */
const gone = ["ECONNREFUSED", "ENOENT", "ECONNRESET", "EPIPE"];

/** The agent's part of the proxy: starts it when rules ask for it, keeps it running, and tells it of rules. */
export class Redirect implements AsyncDisposable {
  readonly #options: RedirectOptions;
  readonly #book = new RedirectBook();
  /** By the proxy's process id. */
  readonly #links = new Map<number, ControlLink>();
  /** The batch of records that each proxy has told last. */
  readonly #read = new Map<number, number>();
  /** Process ids of proxies that do not understand this agent, or that it does not understand. */
  readonly #strangers = new Set<number>();
  readonly #changed = new Waiting();
  #names: NameRules | null = null;
  /** The same as text. */
  #namesText = "";
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  readonly #patience: number;
  /** Since when, by the monotonic clock in ms, proxies do not have what they are to have; null: they have. */
  #behindSince: number | null = null;
  /** Why the last start, or the last answer, was none. */
  #problem: string | null = null;

  constructor(options: RedirectOptions) {
    this.#options = options;
    this.#patience = options.patience ?? 5_000;
    this.#running = this.#supervise(this.#stop.signal);
  }

  /** See `RedirectedRules` of `agent/endpoint`. */
  name(reference: number, rules: readonly Rule[]): void {
    this.#book.name(reference, rules);
  }

  /**
   * Resolves when the proxy knows all that was named, and is started for it; or after a while without: what is named comes
   * into force all the same, and nothing of it passes until the proxy knows it. Who has waited once for a proxy that does
   * not come waits for it no more.
   */
  async told(): Promise<void> {
    this.#tellChanges();
    // Nearly always; it is asked with each DNS answer.
    if (!this.#isBehind()) return;
    const end = AbortSignal.any([AbortSignal.timeout(this.#patience), this.#stop.signal]);
    while (this.#lag() < this.#patience && !end.aborted) {
      if (this.#behindSince === null) return;
      await this.#changed.next(end);
    }
  }

  /** What rules say of DNS names from now on. */
  speakOf(spoken: Omit<NameRules, "minTtl" | "denial">): void {
    const rules = { ...spoken, minTtl: this.#options.minTtl, denial: this.#options.dnsDenial };
    const text = JSON.stringify(rules);
    if (text === this.#namesText) return;
    this.#namesText = text;
    this.#names = rules;
    for (const link of this.#links.values()) link.tellNames(rules);
  }

  /** Forgets all references but those that entries in force have. */
  retain(inUse: ReadonlySet<number>): void {
    if (this.#book.retain(inUse)) this.#tell(this.#book.all());
    else this.#tellChanges();
  }

  get state(): RedirectState {
    const link = this.#serving();
    return {
      state: this.#stateOf(link),
      pid: link?.pid ?? null,
      build: link?.build ?? null,
      version: link?.version ?? 0,
      wanted: this.#book.version,
      counts: link?.counts ?? null,
      draining: [...this.#links.values()].filter(({ isDraining }) => isDraining).length,
    };
  }

  #stateOf(link: ControlLink | undefined): RedirectState["state"] {
    if (!link) return this.#isWanted ? "starting" : "off";
    if (this.#silence(link) >= longSilence) return "silent";
    return this.#isBehind() ? "outdated" : "ok";
  }

  /** In ms. One that has just come has had no time to speak. */
  #silence({ openedAt }: ControlLink): number {
    return Math.min(this.#options.silence(), performance.now() - openedAt);
  }

  /** What keeps it from its part, in sentences. */
  get problems(): string[] {
    const { state, pid, version, wanted } = this.state;
    const why = this.#problem === null ? "" : `: ${this.#problem}`;
    if (state === "starting") return [`the proxy does not run, so what rules ask it about is dropped${why}`];
    if (state === "silent") {
      return [
        `the proxy, process ${pid}, does not show that it works, so what rules ask it about is dropped: it is stopped or stuck, or lacks the processor; proxy.log in the run folder may say more, and once the process is killed another one starts`,
      ];
    }
    if (this.#lag() >= this.#patience && state === "outdated") {
      return [`the proxy has not taken the rules of version ${wanted}, but has those of ${version}${why}`];
    }
    return this.#problem === null ? [] : [this.#problem];
  }

  /** The proxy goes on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const link of this.#links.values()) link[Symbol.dispose]();
    await this.#running;
  }

  get #isWanted(): boolean {
    return this.#book.size > 0;
  }

  #serving(): ControlLink | undefined {
    return [...this.#links.values()].findLast(({ isDraining }) => !isDraining);
  }

  #isBehind(): boolean {
    if (!this.#isWanted) return false;
    const { version } = this.#book;
    return !this.#serving() || [...this.#links.values()].some((link) => link.version < version);
  }

  /** For how many ms proxies have not had what they are to have. */
  #lag(): number {
    const now = performance.now();
    if (!this.#isBehind()) this.#behindSince = null;
    else this.#behindSince ??= now;
    return this.#behindSince === null ? 0 : now - this.#behindSince;
  }

  #tellChanges(): void {
    if (!this.#book.isChanged) return;
    // Whoever comes is told all.
    if (this.#links.size > 0) this.#tell(this.#book.change());
    else this.#notify();
  }

  #tell(update: RuleUpdate): void {
    for (const link of this.#links.values()) link.tell(update);
    this.#notify();
  }

  #notify(): void {
    this.#lag();
    this.#changed.notify();
  }

  /** Until the signal: connects to proxies that are there, and starts one where it is missing or of another build. */
  async #supervise(signal: AbortSignal): Promise<void> {
    const { build, clock, log } = this.#options;
    const backoff = new Backoff({ most: 10_000 });
    let began = -Infinity;
    while (!signal.aborted) {
      try {
        await this.#connect();
        if (this.#isWanted) this.#options.route();
        const serving = this.#serving();
        const isThere = serving !== undefined || this.#strangers.size > 0;
        if (isThere ? serving?.build !== build : this.#isWanted) {
          // One that ends again and again is not started again and again at once.
          if (performance.now() - began < longLife) await pause(clock, backoff.next(), signal);
          else backoff.reset();
          began = performance.now();
          await this.#start(isThere, signal);
          continue;
        }
        this.#problem = null;
        await this.#changed.next(AbortSignal.any([AbortSignal.timeout(lookInterval), signal]));
      } catch (error) {
        this.#problem = reasonOf(error);
        const wait = backoff.next();
        log.error({ err: error, wait }, "there is no proxy as it should be");
        await pause(clock, wait, signal);
      }
    }
  }

  /** @throws RedirectError `proxy-not-started`. */
  async #start(replaces: boolean, signal: AbortSignal): Promise<void> {
    const { log, start } = this.#options;
    const started = start(replaces);
    log.info({ pid: started.pid, replaces }, "a proxy starts");
    let ended: RedirectError | undefined;
    const watch = async (): Promise<void> => {
      ended = await started.ended;
      log.warn({ pid: started.pid }, ended.message);
      this.#changed.notify();
    };
    void watch();
    const timeout = AbortSignal.timeout(startTimeout);
    while (!this.#links.has(started.pid) && !signal.aborted) {
      if (ended) throw ended;
      if (timeout.aborted) {
        process.kill(started.pid, "SIGKILL");
        throw await started.ended;
      }
      await this.#connect();
      await this.#changed.next(AbortSignal.any([AbortSignal.timeout(startInterval), signal]));
    }
  }

  /** To all proxies that there are and that are not connected to. */
  async #connect(): Promise<void> {
    const { runDir } = this.#options;
    const sockets = (await readdir(runDir)).map((name) => ({ name, pid: Number(PROXY_SOCKET.exec(name)?.[1]) }));
    for (const pid of this.#strangers) if (!sockets.some((one) => one.pid === pid)) this.#strangers.delete(pid);
    for (const { name, pid } of sockets) {
      if (Number.isNaN(pid) || this.#links.has(pid) || this.#strangers.has(pid)) continue;
      try {
        this.#attach(await ControlLink.open(join(runDir, name), this.#events, this.#options));
      } catch (error) {
        if (error instanceof RedirectError) this.#strangers.add(pid);
        // Else it is the socket of one that is dead, or that has just ended.
        else if (!gone.some((code) => isErrno(error, code))) throw error;
      }
    }
  }

  #attach(link: ControlLink): void {
    if (this.#stop.signal.aborted) return link[Symbol.dispose]();
    this.#links.set(link.pid, link);
    this.#book.follow(link.version);
    if (this.#names) link.tellNames(this.#names);
    this.#options.log.info({ pid: link.pid, rules: link.version, build: link.build }, "connected to a proxy");
    if (this.#book.size > 0 || link.version === 0) this.#tell(this.#book.all());
    else this.#notify();
  }

  readonly #events: LinkEvents = {
    changed: () => this.#notify(),
    refused: () => this.#tell(this.#book.all()),
    admit: (answer) => this.#options.admit(answer),
    heard: (answer) => this.#options.heard(answer),
    records: ({ pid }, { sequence, lost, records }) => {
      if (sequence <= (this.#read.get(pid) ?? 0)) return;
      this.#read.set(pid, sequence);
      this.#options.records(records, lost);
    },
    closed: ({ pid, isDraining, openedAt }) => {
      this.#links.delete(pid);
      // One that lives, and has closed what was just opened, does not understand this agent: no use to ask again and again.
      if (performance.now() - openedAt < briefLink) this.#strangers.add(pid);
      if (!isDraining && !this.#stop.signal.aborted) this.#options.log.warn({ pid }, "the proxy has gone");
      this.#notify();
    },
    failed: (_link, error) => {
      this.#problem = error.message;
      this.#options.log.error({ err: error }, "the proxy is not understood");
    },
  };
}
