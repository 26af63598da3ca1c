/** What a lab asks of the process that makes a pod's traffic, and what that answers. */

export type Transport = "TCP" | "UDP";

/**
 * What a server does: send back what comes, send messages by itself to whoever spoke to it, or (TCP) answer requests of HTTP
 * with 200.
 */
export type Service = "echo" | "source" | "http";

export interface Target {
  readonly protocol: Transport;
  readonly address: string;
  readonly port: number;
}

/** How an attempt went: the echo came back, somebody refused, or nothing came in time. */
export type Outcome = "answered" | "refused" | "silent";

/** A TCP stream, or UDP datagrams with numbers. */
export interface StreamReport {
  /** Messages sent and messages that came. */
  readonly sent: number;
  readonly received: number;
  /** Numbers of the UDP datagrams that did not come back; always empty for TCP. */
  readonly lost: readonly number[];
  /** Why a TCP connection ended, if it has. */
  readonly ended: string | null;
}

/** Bytes of each message, unless told. */
export const messageSize = 64;

export interface AttemptShape {
  /** Milliseconds. */
  readonly timeout: number;
  /** 0: any. */
  readonly sourcePort: number;
  /** Bytes of the request. */
  readonly size: number;
}

export interface StreamShape {
  /** Milliseconds between messages; null: sends nothing, or for UDP one datagram, for the server to know whom to send to. */
  readonly interval: number | null;
  /** 0: any. */
  readonly sourcePort: number;
  /** Bytes of a TCP message or a datagram; at least 4. */
  readonly size: number;
}

export type TrafficRequest =
  | {
      readonly kind: "serve";
      readonly protocol: Transport;
      readonly port: number;
      readonly service: Service;
      readonly host: string;
    }
  | ({ readonly kind: "attempt"; readonly target: Target } & AttemptShape)
  | { readonly kind: "ask"; readonly url: string; readonly method: string; readonly timeout: number }
  | { readonly kind: "abandon"; readonly attempt: number }
  | ({ readonly kind: "start"; readonly target: Target } & StreamShape)
  | { readonly kind: "report"; readonly stream: number }
  | { readonly kind: "stop"; readonly stream: number };

export type TrafficAnswer = {
  serve: null;
  attempt: Outcome;
  /** The status of the answer; 0: none came in time. */
  ask: number;
  abandon: null;
  start: number;
  report: StreamReport;
  stop: StreamReport;
};

export interface Numbered {
  readonly id: number;
  readonly request: TrafficRequest;
}

export type Reply =
  | { readonly id: number; readonly answer: TrafficAnswer[TrafficRequest["kind"]] }
  | { readonly id: number; readonly error: string };
