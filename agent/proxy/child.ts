import { type ChildProcess, spawn } from "node:child_process";
import type { Duplex } from "node:stream";
import {
  CHANNEL,
  type ChildCounts,
  type ChildOptions,
  type FromChild,
  noCounts,
  readRecordsLine,
  type ToChild,
} from "./child-messages.ts";
import { LineReader } from "./lines.ts";
import type { DnsAnswer } from "./names.ts";

export interface ChildEvents {
  /** JSON texts, joined by commas. */
  records(count: number, texts: Buffer): void;
  admit(child: Child, id: number, answer: DnsAnswer): void;
  heard(answer: DnsAnswer): void;
  /** It has acknowledged a revision, or has ended. */
  changed(child: Child): void;
  ended(child: Child, how: string): void;
}

export interface ChildSpec {
  /** A file for Node. */
  readonly program: string;
  readonly options: Omit<ChildOptions, "listeners">;
  /** Descriptors of this process that it inherits. */
  readonly listeners: readonly number[];
}

/**
 * MiB: Node's own default is many times that, and what a burst of connections has once used of it stays. It is enough: with
 * more, requests cost the same.
 */
const YOUNG_SPACE = "--max-semi-space-size=16";

/** A process that serves connections, as its parent sees it. */
export class Child {
  readonly pid: number;
  readonly startedAt = performance.now();
  readonly counts: ChildCounts = noCounts();
  /** When it last gave a sign of life, by the monotonic clock in ms. */
  heardAt = performance.now();
  isReady = false;
  hasEnded = false;
  /** What it has of the rules, by the parent's own numbers: it has said so, or cannot serve before it has. */
  revision: number;
  readonly #process: ChildProcess;
  readonly #channel: Duplex;
  readonly #events: ChildEvents;

  /** @param start the first that it is told. */
  constructor({ program, options, listeners }: ChildSpec, start: ToChild & { type: "start" }, events: ChildEvents) {
    const inherited: ChildOptions = { ...options, listeners: listeners.map((_, index) => CHANNEL + 1 + index) };
    this.#process = spawn(process.execPath, [YOUNG_SPACE, program, JSON.stringify(inherited)], {
      stdio: ["ignore", "inherit", "inherit", "pipe", ...listeners],
    });
    this.pid = this.#process.pid ?? 0;
    this.#events = events;
    this.revision = start.revision;
    this.#channel = this.#process.stdio[CHANNEL] as Duplex;
    const lines = new LineReader(Infinity, (line) => this.#take(line));
    this.#channel.on("data", (chunk: Buffer) => lines.push(chunk));
    // An error is followed by the end of the process, and that says all.
    this.#channel.on("error", () => {});
    this.#process.on("error", (error) => this.#end(error.message));
    this.#process.on("exit", (code, signal) => this.#end(signal ?? `exit code ${code}`));
    this.tell(start);
  }

  tell(message: ToChild): void {
    if (this.#channel.writable) this.#channel.write(`${JSON.stringify(message)}\n`);
  }

  /** Ends it at once, with its connections. */
  kill(): void {
    this.#process.kill("SIGKILL");
  }

  #take(line: Buffer): void {
    this.heardAt = performance.now();
    const records = readRecordsLine(line);
    if (records) return this.#events.records(records.count, records.texts);
    const message = JSON.parse(line.toString("utf8")) as FromChild;
    switch (message.type) {
      case "ready":
        this.isReady = true;
        return this.#events.changed(this);
      case "acknowledged":
        this.revision = Math.max(this.revision, message.revision);
        return this.#events.changed(this);
      case "beat":
        Object.assign(this.counts, message.counts);
        return;
      case "admit":
        return this.#events.admit(this, message.id, message.answer);
      case "heard":
        return this.#events.heard(message.answer);
    }
  }

  #end(how: string): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.isReady = false;
    this.#events.ended(this, how);
  }
}
