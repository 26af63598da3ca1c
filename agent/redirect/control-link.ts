import { connect, type Socket } from "node:net";
import { LineReader } from "#agent/proxy/lines.ts";
import {
  formatMessage,
  type FromProxy,
  type HelloMessage,
  LONGEST_LINE,
  parseFromProxy,
  type ProxyCounts,
  type ToProxy,
} from "#agent/proxy/messages.ts";
import type { Admission, DnsAnswer, NameRules } from "#agent/proxy/names.ts";
import type { RequestRecord } from "#agent/proxy/request-record.ts";
import type { RuleUpdate } from "#agent/proxy/rule-book.ts";
import { RedirectError } from "./errors.ts";

/** What a proxy says, for the agent. */
export interface LinkEvents {
  /** @param sequence the same again: they were told before, perhaps to an earlier agent. */
  records(link: ControlLink, batch: { sequence: number; lost: number; records: readonly RequestRecord[] }): void;
  admit(answer: DnsAnswer): Promise<Admission>;
  /** A DNS answer that did not wait. */
  heard(answer: DnsAnswer): void;
  /** The version that it has, or how it stands, has changed. */
  changed(link: ControlLink): void;
  /** It does not follow: it has to be told the whole. */
  refused(link: ControlLink): void;
  closed(link: ControlLink): void;
  /** What it said cannot be understood: the connection is closed. */
  failed(link: ControlLink, error: RedirectError): void;
}

/** How long a proxy may take to say who it is, in ms. */
const helloTimeout = 5_000;

/** What a proxy is to show of requests. */
export interface Shown {
  /** Headers, by name in lower case, whose values are told of besides those of harmless ones. */
  readonly shownHeaders?: readonly string[];
  /** Whether a denied HTTP request is answered with the policies that deny it. */
  readonly namesDenier?: boolean;
}

/** The agent's connection to one proxy. */
export class ControlLink implements Disposable {
  readonly pid: number;
  readonly build: string;
  /** By the monotonic clock, in ms. */
  readonly openedAt = performance.now();
  /** Of the rules that all of its workers have. */
  version: number;
  isDraining: boolean;
  counts: ProxyCounts | null = null;
  /** Whether it has rules, or will have when it has read what it was told. */
  #hasRules: boolean;
  readonly #socket: Socket;
  readonly #events: LinkEvents;

  private constructor(socket: Socket, { pid, build, version, isDraining }: HelloMessage, events: LinkEvents) {
    this.#socket = socket;
    this.#events = events;
    this.pid = pid;
    this.build = build;
    this.version = version;
    this.isDraining = isDraining;
    this.#hasRules = version > 0;
  }

  /**
   * Connects to a proxy, and is its agent from here on.
   *
   * @param shown see `ProxiedConnection.shownHeaders` and `HttpOptions`.
   * @throws NodeJS.ErrnoException `ECONNREFUSED`, `ENOENT`: there is no proxy (any more).
   * @throws RedirectError `proxy-not-understood`.
   */
  static async open(path: string, events: LinkEvents, shown: Shown): Promise<ControlLink> {
    const { promise, resolve, reject } = Promise.withResolvers<ControlLink>();
    const socket = connect(path);
    const silent = (): void => reject(RedirectError.notUnderstood(path, "it does not say who it is"));
    const timer = setTimeout(silent, helloTimeout);
    let link: ControlLink | undefined;
    const fail = (error: RedirectError): void => {
      if (link) events.failed(link, error);
      reject(error);
      socket.destroy();
    };
    const lines = new LineReader(LONGEST_LINE, (line) => {
      const parsed = parseFromProxy(line.toString());
      if (!parsed.ok) return fail(RedirectError.notUnderstood(path, parsed.error));
      if (link) return link.#take(parsed.message);
      if (parsed.message.type !== "hello") return fail(RedirectError.notUnderstood(path, "it does not say who it is"));
      link = new ControlLink(socket, parsed.message, events);
      const { shownHeaders = [], namesDenier = false } = shown;
      link.#send({ type: "attach", shownHeaders: [...shownHeaders], namesDenier });
      resolve(link);
    });
    socket.on("data", (chunk) => {
      if (!lines.push(chunk)) fail(RedirectError.notUnderstood(path, "it says more than anybody reads"));
    });
    socket.once("error", reject);
    socket.once("close", () => {
      silent();
      if (link) events.closed(link);
    });
    try {
      return await promise;
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The first update of a proxy without rules has to have all of them: it is whole. */
  tell(update: RuleUpdate): void {
    this.#send({ type: "rules", update: this.#hasRules ? update : { ...update, isWhole: true } });
    this.#hasRules = true;
  }

  tellNames(rules: NameRules): void {
    this.#send({ type: "names", rules });
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #send(message: ToProxy): void {
    // What a proxy that ends does not read any more, the next one is told; `closed` follows.
    if (this.#socket.writable) this.#socket.write(formatMessage(message));
  }

  #take(message: FromProxy): void {
    switch (message.type) {
      case "acknowledged":
        this.version = message.version;
        return this.#events.changed(this);
      case "refused":
        this.#hasRules = false;
        return this.#events.refused(this);
      case "draining":
        this.isDraining = true;
        return this.#events.changed(this);
      case "counts":
        this.counts = message.counts;
        return;
      case "records":
        this.#events.records(this, message);
        return this.#send({ type: "read", sequence: message.sequence });
      case "admit":
        return void this.#admit(message.id, message.answer);
      case "heard":
        return this.#events.heard(message.answer);
      default:
      // For the next proxy.
    }
  }

  async #admit(id: number, answer: DnsAnswer): Promise<void> {
    this.#send({ type: "admitted", id, admission: await this.#events.admit(answer) });
  }
}
