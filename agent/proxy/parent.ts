import type { Socket } from "node:net";
import type { Log } from "#agent/runtime/log.ts";
import { Acknowledgements, type Sender } from "./acknowledgements.ts";
import { Admissions, type AgentAway } from "./admissions.ts";
import type { ChildSpec } from "./child.ts";
import { Children } from "./children.ts";
import { ControlConnection } from "./control-connection.ts";
import type { NameRules } from "./names.ts";
import { PROTOCOL, type ProxyCounts, type ToProxy } from "./messages.ts";
import { RecordQueue } from "./record-queue.ts";
import type { RuleUpdate } from "./rule-book.ts";
import { RuleSnapshot, type UpdateOutcome } from "./rule-snapshot.ts";

/** How often, in ms, the agent is told what was counted, and it is looked for children that are stuck. */
const COUNTS = 1000;
/** How long, in ms, the agent may take for the last records of a proxy that ends. */
const LAST_RECORDS = 3000;

export interface ParentOptions {
  /** Descriptors, in the order of `enum proxy_listener`. */
  readonly listeners: readonly (number | null)[];
  readonly specs: readonly ChildSpec[];
  readonly build: string;
  readonly snapshot: RuleSnapshot;
  readonly away: AgentAway;
  readonly log: Log;
  /** It has been told to drain: new connections are none of its business any more. */
  readonly draining: (successor: number | null) => void;
}

/**
 * The process that keeps those that serve connections running, and speaks for them: with the agent, and with the proxy that
 * comes after it.
 */
export class Parent {
  readonly #options: ParentOptions;
  readonly #children: Children;
  readonly #records = new RecordQueue();
  readonly #admissions: Admissions;
  readonly #acknowledgements: Acknowledgements;
  readonly #connections = new Set<ControlConnection>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #timer: NodeJS.Timeout;
  #agent: ControlConnection | null = null;
  #isBatchSent = false;
  #isDraining = false;

  constructor(options: ParentOptions) {
    this.#options = options;
    const { specs, snapshot, log } = options;
    this.#admissions = new Admissions(options.away);
    this.#acknowledgements = new Acknowledgements((revision) => this.#children.haveRevision(revision));
    this.#children = new Children({
      specs,
      snapshot,
      log,
      events: {
        records: (count, texts) => {
          this.#records.add(count, texts);
          this.#sendRecords();
        },
        admit: (child, id, answer) =>
          this.#admissions.admit(answer, (admission) => child.tell({ type: "admitted", id, admission })),
        heard: (answer) => this.#admissions.hear(answer),
      },
      changed: () => this.#childrenChanged(),
    });
    this.#timer = setInterval(() => this.#look(), COUNTS);
  }

  /** Resolves when all children serve connections. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Resolves when it has drained. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Whether somebody serves connections, and has shown it in the last so many ms. */
  isAlive(milliseconds: number): boolean {
    return !this.#isDraining && this.#children.areAlive(milliseconds);
  }

  get counts(): ProxyCounts {
    const { ready: workers, replaced, counts } = this.#children;
    return { workers, replaced, ...counts, lostRecords: counts.lostRecords + this.#records.lost };
  }

  /** Somebody has come to the control socket. */
  connected(socket: Socket): void {
    const { build, log, snapshot } = this.#options;
    const connection = new ControlConnection(socket, {
      said: (from, message) => this.#take(from, message),
      misunderstood: (error) => log.error({ error }, "what was said to the proxy is not understood"),
      closed: (from) => {
        this.#connections.delete(from);
        if (this.#agent === from) this.#attach(null);
        if (this.#acknowledgements.successor === from) this.#acknowledgements.successor = null;
      },
    });
    this.#connections.add(connection);
    const { pid } = process;
    const { version } = snapshot;
    connection.send({ type: "hello", protocol: PROTOCOL, pid, build, version, isDraining: this.#isDraining });
  }

  /** Rules, from the agent or from the proxy that was here before. */
  tellRules(update: RuleUpdate, sender: Sender): UpdateOutcome {
    const outcome = this.#options.snapshot.apply(update);
    if (outcome === "refused") return outcome;
    if (outcome === "known") {
      sender.acknowledged(update.version);
      return outcome;
    }
    const { successor } = this.#acknowledgements;
    if (successor !== null) {
      successor.send({ type: "rules", update });
      this.#acknowledgements.sent();
    }
    this.#acknowledgements.expect(sender, update.version, this.#children.tellRules(update));
    return outcome;
  }

  /** Names, likewise. */
  tellNames(rules: NameRules): void {
    this.#admissions.rules = rules;
    this.#acknowledgements.successor?.send({ type: "names", rules });
    this.#children.tellNames(rules);
  }

  drain(successor: number | null): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#options.log.info({ successor }, "the proxy takes no new connections, and ends with its last one");
    this.#options.draining(successor);
    this.#children.drain();
    for (const connection of this.#connections) connection.send({ type: "draining", successor });
    this.#childrenChanged();
  }

  /** Ends all connections. */
  kill(): void {
    this.drain(null);
    this.#children.kill();
  }

  #take(from: ControlConnection, message: ToProxy): void {
    switch (message.type) {
      case "attach":
        this.#children.show(message.shownHeaders ?? [], message.namesDenier ?? false);
        return this.#attach(from);
      case "rules":
        return this.#takeRules(from, message.update);
      case "names":
        return this.tellNames(message.rules);
      case "read":
        if (from === this.#agent && this.#records.read(message.sequence)) {
          this.#isBatchSent = false;
          this.#sendRecords();
        }
        return;
      case "admitted":
        if (from === this.#agent) this.#admissions.settled(message.id, message.admission);
        return;
      case "handOver":
        return this.#handOver(from);
      case "acknowledged":
        if (from === this.#acknowledgements.successor) this.#acknowledgements.taken();
        return;
      case "drain":
        return this.drain(message.successor);
    }
  }

  #takeRules(from: ControlConnection, update: RuleUpdate): void {
    const acknowledged = (version: number): void => from.send({ type: "acknowledged", version });
    if (this.tellRules(update, { acknowledged }) !== "refused") return;
    from.send({ type: "refused", version: update.version, has: this.#options.snapshot.version });
  }

  #attach(agent: ControlConnection | null): void {
    this.#agent = agent;
    this.#admissions.agent = agent;
    this.#isBatchSent = false;
    this.#sendRecords();
  }

  #handOver(to: ControlConnection): void {
    const { listeners, snapshot } = this.#options;
    to.send({ type: "listeners", pid: process.pid, descriptors: [...listeners] });
    this.#acknowledgements.successor = to;
    const { rules } = this.#admissions;
    if (rules !== null) to.send({ type: "names", rules });
    const update = snapshot.whole();
    if (update === null) return;
    to.send({ type: "rules", update });
    this.#acknowledgements.sent();
  }

  #sendRecords(): void {
    if (this.#agent === null || this.#isBatchSent) return;
    const batch = this.#records.batch();
    if (batch === null) return;
    this.#agent.sendRecords(batch);
    this.#isBatchSent = true;
  }

  #childrenChanged(): void {
    this.#acknowledgements.look();
    if (this.#children.areAllReady) this.#ready.resolve();
    if (this.#isDraining && this.#children.isEmpty) void this.#end();
  }

  async #end(): Promise<void> {
    clearInterval(this.#timer);
    const deadline = performance.now() + LAST_RECORDS;
    while (this.#agent !== null && this.#records.batch() !== null && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const connection of this.#connections) connection.close();
    this.#ended.resolve();
  }

  #look(): void {
    this.#children.endStuck();
    this.#agent?.send({ type: "counts", counts: this.counts });
  }
}
