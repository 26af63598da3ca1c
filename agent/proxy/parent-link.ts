import { Socket } from "node:net";
import { BEAT, CHANNEL, type ChildCounts, type FromChild, noCounts, type ToChild } from "./child-messages.ts";
import { LineReader } from "./lines.ts";
import { NameFilter } from "./name-filter.ts";
import type { Admission, DnsAnswer, DnsDenial, Names, SpokenNames } from "./names.ts";
import type { RequestRecord } from "./request-record.ts";
import { RuleBook } from "./rule-book.ts";
import { SendingRecords } from "./sending-records.ts";

/** How long, in ms, records wait for others to be sent with them. */
const GATHER = 20;
/** How long, in ms, an admission is waited for. */
const ADMISSION = 2000;

/** What a child of the proxy is to do with its listeners. */
export interface ChildDuties {
  /** The rules are there (or there are none yet): take what comes. */
  serve(): void | Promise<void>;
  /** Take nothing new, and end the process when the last of what there is has ended. Comes once, also when the parent has died. */
  drain(): void;
}

/**
 * A child's side of the channel to the proxy's parent process: rules come in, records and signs of life go out. A child outlives
 * its parent: it then has no more rules to come and nobody to tell, takes nothing new, and ends with its last connection.
 */
export class ParentLink implements Names {
  readonly rules = new RuleBook();
  readonly counts: ChildCounts = noCounts();
  readonly #channel: Socket;
  readonly #duties: ChildDuties;
  readonly #records = new SendingRecords();
  readonly #names = new NameFilter({
    ask: (answer) => this.#ask(answer),
    hear: (answer) => this.#hear(answer),
    now: () => performance.now(),
  });
  readonly #asked = new Map<number, (admission: Admission) => void>();
  readonly #beat: NodeJS.Timeout;
  #shownHeaders: ReadonlySet<string> = new Set();
  #namesDenier = false;
  #dnsDenial: DnsDenial = "refused";
  #nextAsk = 1;
  #isFlushing = false;
  #isFull = false;
  #isDraining = false;

  private constructor(channel: Socket, duties: ChildDuties) {
    this.#channel = channel;
    this.#duties = duties;
    const reader = new LineReader(Infinity, (line) => this.#take(JSON.parse(line.toString("utf8")) as ToChild));
    channel.on("data", (chunk: Buffer) => reader.push(chunk));
    channel.on("drain", () => {
      this.#isFull = false;
      this.#sendRecords();
    });
    // An error is followed by the close, and that says all.
    channel.on("error", () => {});
    channel.on("close", () => this.#drain());
    this.#beat = setInterval(() => this.#sendBeat(), BEAT);
    this.#beat.unref();
  }

  /** By the descriptor that the parent has given. */
  static open(duties: ChildDuties): ParentLink {
    return new ParentLink(new Socket({ fd: CHANNEL, readable: true, writable: true }), duties);
  }

  /** See `ProxiedConnection.shownHeaders`. */
  get shownHeaders(): ReadonlySet<string> {
    return this.#shownHeaders;
  }

  /** See `HttpOptions`. */
  get namesDenier(): boolean {
    return this.#namesDenier;
  }

  /** What a DNS query is answered that no rule lets through. */
  get dnsDenial(): DnsDenial {
    return this.#dnsDenial;
  }

  /** Tells the agent of a request; drops and counts where it is not read in time. Never throws. */
  tell(record: RequestRecord): void {
    this.#records.add(record);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setTimeout(() => this.#sendRecords(), GATHER);
  }

  admit(answer: DnsAnswer): Promise<Admission> | null {
    return this.#names.admit(answer);
  }

  /** The last words, and the end of the channel: the process may end. */
  async close(): Promise<void> {
    clearInterval(this.#beat);
    if (this.#channel.destroyed) return;
    this.#isFull = false;
    this.#sendBeat();
    this.#isFull = false;
    this.#sendRecords();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#channel.once("close", () => resolve());
    this.#channel.end(() => this.#channel.destroy());
    await promise;
  }

  /** Has the agent, or the parent in its place, know what an answer says. Never rejects. */
  #ask(answer: DnsAnswer): Promise<Admission> {
    const { promise, resolve } = Promise.withResolvers<Admission>();
    const id = this.#nextAsk++;
    const late = setTimeout(() => settle("refused"), ADMISSION);
    const settle = (admission: Admission): void => {
      clearTimeout(late);
      this.#asked.delete(id);
      resolve(admission);
    };
    this.#asked.set(id, settle);
    this.#send({ type: "admit", id, answer });
    return promise;
  }

  /** Nobody waits for it: it is passed over where the parent does not read in time. */
  #hear(answer: DnsAnswer): void {
    if (!this.#channel.writableNeedDrain) this.#send({ type: "heard", answer });
  }

  #take(message: ToChild): void {
    switch (message.type) {
      case "start":
        if (message.update) this.rules.apply(message.update);
        if (message.names) this.#takeNames(message.names);
        void this.#start(message.revision);
        break;
      case "rules":
        this.rules.apply(message.update);
        this.#send({ type: "acknowledged", revision: message.revision });
        break;
      case "shown":
        this.#shownHeaders = new Set(message.headers);
        this.#namesDenier = message.namesDenier;
        break;
      case "names":
        this.#takeNames(message.names);
        break;
      case "admitted":
        this.#asked.get(message.id)?.(message.admission);
        break;
      case "drain":
        this.#drain();
        break;
    }
  }

  #takeNames(names: SpokenNames): void {
    this.#names.rules = names;
    this.#dnsDenial = names.denial;
  }

  async #start(revision: number): Promise<void> {
    await this.#duties.serve();
    this.#send({ type: "acknowledged", revision });
    this.#send({ type: "ready" });
  }

  #drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#duties.drain();
  }

  #sendBeat(): void {
    // A parent that does not read has no use for more signs of life.
    if (this.#isFull) return;
    this.counts.lostRecords = this.#records.lost;
    this.#send({ type: "beat", counts: this.counts });
  }

  #sendRecords(): void {
    this.#isFlushing = false;
    while (!this.#isFull && this.#channel.writable) {
      const line = this.#records.take();
      if (line === null) return;
      this.#isFull = !this.#channel.write(line);
    }
  }

  #send(message: FromChild): void {
    if (this.#channel.writable && !this.#channel.write(`${JSON.stringify(message)}\n`)) this.#isFull = true;
  }
}
