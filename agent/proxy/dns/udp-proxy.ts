import { randomInt } from "node:crypto";
import { constants } from "node:os";

import { libc } from "#agent/net/libc.ts";
import { reservedIdentities } from "#policy/model/reserved.ts";
import type { ChildCounts } from "../child-messages.ts";
import type { ConnectionTuple } from "../judgement.ts";
import type { CurrentRules } from "../proxied-connection.ts";
import type { Asked, DnsGuard } from "./guard.ts";
import { whenReadable } from "./native.ts";
import { ReadableSockets } from "./readable-sockets.ts";
import type { SocketAddress } from "./socket-address.ts";
import { type Datagram, UdpInbox } from "./udp-inbox.ts";
import type { UdpOutbox } from "./udp-outbox.ts";
import { openUpstreamSocket } from "./upstream-socket.ts";

/** See {@link UdpProxyOptions.patience}: resolvers of libc ask again after as long. */
const PATIENCE = 5000;
/** How often, in ms, lost ones are looked for. */
const SWEEP = 500;
/** Queries under way of one client's address, and of all together: each has a socket at most. */
const OF_CLIENT = 256;
const IN_ALL = 8192;
/** Messages that are no answers, after which a socket takes no more: somebody tries transaction ids. */
const MISSES = 64;
/** Answers that are taken from one socket before others have their turn. */
const TURN = 64;
/** The longest datagram there is. */
const LONGEST = 65_535;

export interface UdpProxyOptions {
  readonly guard: DnsGuard;
  /** Null: nothing may pass. */
  readonly rules: (tuple: ConnectionTuple) => CurrentRules | null;
  readonly outbox: UdpOutbox;
  /** Kept up to date: connections are queries here. */
  readonly counts: UdpCounts;
  /** How long, in ms, a resolver may take; then the query counts as lost, as datagrams may be. */
  readonly patience?: number;
}

export type UdpCounts = Pick<
  ChildCounts,
  "open" | "accepted" | "refused" | "unknown" | "unrecognised" | "unreachable" | "foreign" | "unanswered"
>;

/** From a client's address and port to a resolver. */
interface Way {
  readonly key: string;
  readonly tuple: ConnectionTuple;
  readonly client: SocketAddress;
  readonly resolver: SocketAddress;
}

/** A socket for one way, as long as something is asked by it. */
interface Flow extends Way {
  readonly number: number;
  readonly fd: number;
  /** By the transaction ids that the resolver sees. */
  readonly pending: Map<number, Pending>;
  misses: number;
}

interface Pending {
  readonly flow: Flow;
  readonly id: number;
  readonly asked: Asked;
  /** Of `performance.now()`. */
  readonly deadline: number;
}

/** Stands between pods and their resolvers: DNS over UDP. */
export class UdpProxy implements Disposable {
  readonly #options: UdpProxyOptions;
  readonly #listening: Disposable[] = [];
  readonly #upstream: ReadableSockets;
  readonly #buffer = Buffer.alloc(LONGEST);
  readonly #flows = new Map<string, Flow>();
  readonly #byNumber = new Map<number, Flow>();
  /** In the order of their deadlines. */
  readonly #waiting = new Set<Pending>();
  /** Queries under way, those whose answers are held among them. */
  readonly #ofClient = new Map<string, number>();
  #inAll = 0;
  #lastNumber = 0;
  readonly #sweeper: NodeJS.Timeout;
  #whenIdle: (() => void) | null = null;

  /** @throws NetError `socket`. */
  constructor(options: UdpProxyOptions) {
    this.#options = options;
    this.#upstream = new ReadableSockets((number) => this.#receive(number));
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP);
  }

  /**
   * Begins to take queries.
   *
   * @param listeners bound UDP sockets that datagrams to any resolver are given to; they stay the caller's.
   * @throws NetError `socket`.
   */
  listen(listeners: readonly number[]): void {
    for (const fd of listeners) {
      const inbox = new UdpInbox(fd);
      const take = (): void => {
        for (const datagram of inbox.receive()) this.#take(datagram);
      };
      this.#listening.push(whenReadable(fd, take));
    }
  }

  /** Takes no more queries; resolves when those that are under way have their answers, or none in time. */
  async drain(): Promise<void> {
    for (const one of this.#listening.splice(0)) one[Symbol.dispose]();
    if (this.#inAll === 0) return;
    await new Promise<void>((resolve) => (this.#whenIdle = resolve));
  }

  #take({ bytes, from, to }: Datagram): void {
    const key = `${from.address} ${from.port} ${to.address} ${to.port}`;
    const { guard, rules, counts } = this.#options;
    const tuple = this.#flows.get(key)?.tuple ?? tupleOf(from, to);
    const current = rules(tuple);
    if (!current) {
      counts.unknown++;
      return;
    }
    const ruling = guard.judge(Buffer.from(bytes), tuple, current);
    if (ruling.kind === "drop") counts.unrecognised++;
    else if (ruling.kind === "answer") this.#send(ruling.bytes, to, from);
    else this.#forward(ruling.asked, { key, tuple, client: from, resolver: to });
  }

  #forward(asked: Asked, way: Way): void {
    const { guard, counts } = this.#options;
    const { client, resolver } = way;
    const ofClient = this.#ofClient.get(client.address) ?? 0;
    // The fewer are left, the fewer one client may have: a few of them cannot take all.
    if (ofClient >= Math.min(OF_CLIENT, (IN_ALL - this.#inAll) / 2)) {
      counts.refused++;
      this.#send(guard.fail(asked), resolver, client);
      return;
    }
    const isOnNode = asked.current.judgement.destination.identity === reservedIdentities.host;
    const flow = this.#flows.get(way.key) ?? this.#open(way, isOnNode);
    const pending = flow && this.#ask(flow, asked);
    if (!pending) {
      counts.unreachable++;
      this.#send(guard.fail(asked), resolver, client);
      if (flow?.pending.size === 0) this.#close(flow);
      return;
    }
    flow.pending.set(pending.id, pending);
    this.#waiting.add(pending);
    this.#ofClient.set(client.address, ofClient + 1);
    counts.open = ++this.#inAll;
    counts.accepted++;
  }

  /** Null: the resolver cannot be called. */
  #open(way: Way, isOnNode: boolean): Flow | null {
    const fd = openUpstreamSocket({ ...way, isOnNode });
    if (fd < 0) return null;
    const number = this.#nextNumber();
    if (this.#upstream.add(fd, number) < 0) {
      libc().close(fd);
      return null;
    }
    const flow: Flow = { ...way, number, fd, pending: new Map(), misses: 0 };
    this.#flows.set(way.key, flow);
    this.#byNumber.set(number, flow);
    return flow;
  }

  #nextNumber(): number {
    do this.#lastNumber = (this.#lastNumber + 1) % 0x100000000;
    while (this.#byNumber.has(this.#lastNumber));
    return this.#lastNumber;
  }

  /** Sends the very bytes of the client under a transaction id that nobody can guess. */
  #ask(flow: Flow, asked: Asked): Pending | null {
    let id: number;
    do id = randomInt(0x10000);
    while (flow.pending.has(id));
    asked.message.writeUInt16BE(id, 0);
    const sent = libc().send(flow.fd, asked.message);
    asked.message.writeUInt16BE(asked.id, 0);
    return sent < 0 ? null : { flow, id, asked, deadline: performance.now() + (this.#options.patience ?? PATIENCE) };
  }

  #receive(number: number): void {
    // It may have been closed for what came before in this turn.
    const flow = this.#byNumber.get(number);
    if (!flow) return;
    for (let i = 0; i < TURN && flow.pending.size > 0; i++) {
      const length = libc().receive(flow.fd, this.#buffer);
      if (length < 0) {
        // ICMP says that nobody is there.
        if (length !== -constants.errno.EAGAIN) this.#abandon(flow);
        return;
      }
      this.#settle(flow, this.#buffer.subarray(0, length));
    }
  }

  #settle(flow: Flow, message: Buffer): void {
    const pending = message.length < 2 ? undefined : flow.pending.get(message.readUInt16BE(0));
    const answer = pending ? this.#options.guard.settle(pending.asked, message) : null;
    if (!pending || answer === null) {
      this.#options.counts.foreign++;
      if (++flow.misses >= MISSES) this.#abandon(flow);
      return;
    }
    this.#forget(pending);
    if (Buffer.isBuffer(answer)) this.#finish(flow, answer);
    else void answer.then((held) => this.#finish(flow, held));
  }

  /** The query waits for no answer any more. */
  #forget(pending: Pending): void {
    const { flow, id } = pending;
    this.#waiting.delete(pending);
    flow.pending.delete(id);
    if (flow.pending.size === 0) this.#close(flow);
  }

  /** The query is over, with this answer or without any. */
  #finish({ client, resolver }: Flow, answer: Buffer | null): void {
    if (answer) this.#send(answer, resolver, client);
    const left = (this.#ofClient.get(client.address) ?? 1) - 1;
    if (left > 0) this.#ofClient.set(client.address, left);
    else this.#ofClient.delete(client.address);
    this.#options.counts.open = --this.#inAll;
    if (this.#inAll === 0) this.#whenIdle?.();
  }

  /** Nothing more is to be had from the resolver by this socket. */
  #abandon(flow: Flow): void {
    for (const pending of flow.pending.values()) {
      this.#options.counts.unreachable++;
      this.#forget(pending);
      this.#finish(flow, this.#options.guard.fail(pending.asked));
    }
  }

  #sweep(): void {
    const now = performance.now();
    for (const pending of this.#waiting) {
      if (pending.deadline > now) break;
      this.#options.counts.unanswered++;
      this.#forget(pending);
      this.#finish(pending.flow, null);
    }
  }

  #close({ fd, key, number }: Flow): void {
    libc().close(fd);
    this.#flows.delete(key);
    this.#byNumber.delete(number);
  }

  #send(bytes: Buffer, resolver: SocketAddress, client: SocketAddress): void {
    this.#options.outbox.send(bytes, resolver, client);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#sweeper);
    for (const one of this.#listening.splice(0)) one[Symbol.dispose]();
    for (const flow of this.#flows.values()) this.#close(flow);
    this.#upstream[Symbol.dispose]();
  }
}

function tupleOf(from: SocketAddress, to: SocketAddress): ConnectionTuple {
  return {
    protocol: "UDP",
    sourceAddress: from.address,
    sourcePort: from.port,
    destinationAddress: to.address,
    destinationPort: to.port,
  };
}
