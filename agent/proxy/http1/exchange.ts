import type { RequestHead } from "./request-head.ts";
import type { ResponseHead } from "./response-head.ts";
import type { AnswerFraming } from "./write-head.ts";

/** Methods that do nothing but ask (RFC 9110, section 9.2.1). */
const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);

/** A request that was allowed, and its answer. */
export class Exchange {
  readonly head: RequestHead;
  /** Its head as the server has it. */
  readonly text: string;
  isRequestDone: boolean;
  /** Whether it may be sent once more where a connection that was kept turns out to be gone. */
  mayBeRepeated = false;
  /** Whether the head of the answer has come. */
  isAnswering = false;
  isAnswered = false;
  /** Whether the client's connection goes on behind it. */
  isKept = false;
  /** Whether its body goes to the client in chunks. */
  isChunked = false;

  constructor(head: RequestHead, text: string) {
    this.head = head;
    this.text = text;
    this.isRequestDone = head.length === 0;
  }

  sent(isReused: boolean): void {
    this.mayBeRepeated = isReused && this.isRequestDone && SAFE.has(this.head.method) && this.head.upgrade === "";
  }

  /** How the answer is told to the client. */
  answer(head: ResponseHead, isDraining: boolean): AnswerFraming {
    const isOld = this.head.minor === 0;
    const endsWithConnection = head.body === "close" || (isOld && head.body === "chunked");
    this.isAnswering = true;
    this.isChunked = head.body === "chunked" && !isOld;
    this.isKept = this.head.isKeptAlive && head.isKeptAlive && !isDraining && !endsWithConnection;
    const kept = isOld ? "keep-alive" : "";
    return { takesChunks: !isOld, connection: this.isKept ? kept : "close" };
  }

  /** Whether an answer 101 is one to what this request offered. */
  offers({ upgrade }: ResponseHead): boolean {
    const offered = new Set(this.head.upgrade.toLowerCase().split(", "));
    return upgrade !== "" && offered.has(upgrade.toLowerCase());
  }
}
