import { meetsDnsRules } from "#policy/l7/dns.ts";
import type { ConnectionTuple } from "../judgement.ts";
import type { DnsDenial, Names } from "../names.ts";
import type { CurrentRules } from "../proxied-connection.ts";
import { recordEnds, type RequestRecord } from "../request-record.ts";
import { decide, type Decision } from "../rule-book.ts";
import { type Answer, answersQuery, readAnswer } from "./answer.ts";
import {
  headerAnswer,
  isAnswer,
  isTruncated,
  ownAnswer,
  type Query,
  Rcode,
  rcodeOf,
  readQuery,
  typeName,
} from "./message.ts";

/** Addresses that a record tells of. */
const TOLD_ADDRESSES = 64;
/** Names of a chain, likewise. */
const TOLD_ALIASES = 16;

const denials = { refused: Rcode.REFUSED, nxdomain: Rcode.NXDOMAIN } as const;

export interface GuardOptions {
  readonly names: Names;
  readonly tell: (record: RequestRecord) => void;
  /** What those who may not ask are answered from now on. */
  readonly denial: () => DnsDenial;
}

/** A query that may pass. */
export interface Asked {
  readonly tuple: ConnectionTuple;
  readonly current: CurrentRules;
  readonly decision: Decision;
  /** Null: it could not be read, and passes because no end asks anything of requests. */
  readonly query: Query | null;
  /** As it came; of the client's transaction id. */
  readonly message: Buffer;
  readonly id: number;
  /** Of `performance.now()`. */
  readonly since: number;
}

export type Ruling =
  | { readonly kind: "forward"; readonly asked: Asked }
  /** With this answer of the proxy's own. */
  | { readonly kind: "answer"; readonly bytes: Buffer }
  | { readonly kind: "drop" };

/** Decides which queries pass, and holds their answers until policy knows their addresses. */
export class DnsGuard {
  readonly #names: Names;
  readonly #tell: (record: RequestRecord) => void;
  readonly #denial: () => DnsDenial;

  constructor({ names, tell, denial }: GuardOptions) {
    this.#names = names;
    this.#tell = tell;
    this.#denial = denial;
  }

  judge(bytes: Buffer, tuple: ConnectionTuple, current: CurrentRules): Ruling {
    const read = readQuery(bytes);
    if (read === null) return { kind: "drop" };
    const query = read.ok ? read.query : null;
    const decision = decide(current.ends, ({ l7 }) => query !== null && meetsDnsRules(l7, query));
    const asked: Asked = {
      tuple,
      current,
      decision,
      query,
      message: bytes,
      id: bytes.readUInt16BE(0),
      since: performance.now(),
    };
    if (decision.isAllowed) {
      this.#record(asked, { kind: "request", verdict: "forwarded", answer: nothing });
      return { kind: "forward", asked };
    }
    const rcode = read.ok ? denials[this.#denial()] : read.rcode;
    const verdict = read.ok ? "denied" : "error";
    this.#record(asked, { kind: "request", verdict, answer: { ...nothing, rcode } });
    return { kind: "answer", bytes: query ? ownAnswer(query, { rcode }) : headerAnswer(bytes, rcode) };
  }

  /**
   * What the client is to be sent for a message of the server with this query's transaction id, at once or when its
   * addresses are admitted; null: it is no answer to it. The message is changed, and may be overwritten afterwards.
   */
  settle(asked: Asked, message: Buffer): Buffer | Promise<Buffer> | null {
    const { query } = asked;
    if (query ? !answersQuery(message, query) : !isAnswer(message)) return null;
    message.writeUInt16BE(asked.id, 0);
    const answer = query ? readAnswer(message, query) : unread(message);
    if (!answer) {
      // Cut off where it did not fit: the whole of it comes by TCP.
      return query && isTruncated(message)
        ? ownAnswer(query, { rcode: Rcode.NOERROR, isTruncated: true })
        : this.fail(asked);
    }
    const admission = query && this.#admit(asked, query, answer);
    if (!admission) return this.#pass(asked, message, answer);
    const kept = Buffer.from(message);
    return admission.then(() => this.#pass(asked, kept, answer));
  }

  /** The answer for a client whose query got none that it could be given. */
  fail(asked: Asked): Buffer {
    this.#record(asked, { kind: "response", verdict: "error", answer: { ...nothing, rcode: Rcode.SERVFAIL } });
    return asked.query
      ? ownAnswer(asked.query, { rcode: Rcode.SERVFAIL })
      : headerAnswer(asked.message, Rcode.SERVFAIL);
  }

  #pass(asked: Asked, message: Buffer, answer: Answer): Buffer {
    this.#record(asked, { kind: "response", verdict: "forwarded", answer });
    return message;
  }

  /**
   * Null: the answer may leave at once. Else when this resolves, whatever has come of it: a client that has an address
   * too early loses a packet, one that has no answer loses the name.
   */
  #admit({ current }: Asked, { name }: Query, { addresses }: Answer): Promise<unknown> | null {
    const { endpoint, isRedirected } = current.judgement.source;
    // Whom policy lets ask without the proxy is not told addresses by it either.
    if (!isRedirected || endpoint === 0) return null;
    return addresses.length === 0 ? null : this.#names.admit({ name, addresses, endpoint });
  }

  #record(asked: Asked, { kind, verdict, answer }: Told): void {
    const { tuple, current, decision, query, since } = asked;
    this.#tell({
      time: `${Date.now()}000000`,
      tuple,
      ...recordEnds(current.judgement),
      verdict,
      rules: decision.rules,
      deniedBy: verdict === "denied" ? decision.deniedBy : null,
      kind,
      latency: kind === "request" ? null : Math.round((performance.now() - since) * 1e6),
      content: {
        family: "dns",
        query: query ? `${query.name}.` : "",
        qtypes: query ? [typeName(query.type)] : [],
        rcode: answer.rcode,
        ips: answer.addresses.slice(0, TOLD_ADDRESSES).map(({ address }) => address),
        cnames: answer.aliases.slice(0, TOLD_ALIASES).map((alias) => `${alias}.`),
        ttl: answer.ttl,
      },
    });
  }
}

interface Told {
  readonly kind: RequestRecord["kind"];
  readonly verdict: RequestRecord["verdict"];
  readonly answer: Answer;
}

const nothing: Answer = { rcode: Rcode.NOERROR, aliases: [], addresses: [], ttl: 0 };

/** Of an answer to a message that nobody has read. */
function unread(message: Buffer): Answer {
  return { ...nothing, rcode: rcodeOf(message) };
}
