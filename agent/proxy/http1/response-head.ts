import { hasControls } from "./fields.ts";
import type { Fields } from "./fields.ts";
import { MessageReader, Refusal } from "./message.ts";
import type { BodyLength, Message } from "./message.ts";

/** An answer's head, as it is forwarded. */
export interface ResponseHead {
  readonly code: number;
  readonly reason: string;
  readonly fields: Fields;
  /** How long its body is; see {@link ResponseHeadReader}. */
  readonly body: BodyLength;
  /** What the head says of a length, which of an answer to HEAD is not the body's. */
  readonly length: number | "chunked" | null;
  /** Whether the server takes another request on its connection. */
  readonly isKeptAlive: boolean;
  readonly upgrade: string;
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: (.*))?$/s;

/** Reads the heads of one connection's answers. */
export class ResponseHeadReader {
  readonly #messages: MessageReader;

  constructor(fieldLimit: number) {
    this.#messages = new MessageReader(fieldLimit);
  }

  /**
   * @param text in Latin-1, from the first line to before the empty one
   * @param method of the request, on which it depends whether there is a body
   */
  read(text: string, method: string): ResponseHead | Refusal {
    const end = text.indexOf("\r\n");
    const line = end < 0 ? text : text.slice(0, end);
    const message = this.#messages.read(end < 0 ? "" : text.slice(end + 2));
    return message instanceof Refusal ? message : readResponse(line, message, method);
  }
}

function readResponse(line: string, message: Message, method: string): ResponseHead | Refusal {
  const [, minor, digits, reason = ""] = STATUS_LINE.exec(line) ?? [];
  if (digits === undefined || hasControls(reason)) return new Refusal("a status line that is none");
  const isOld = minor === "0";
  const code = Number(digits);
  if (isOld && message.length === "chunked") return new Refusal("chunks in HTTP/1.0");
  const body = bodyLength(code, method, message.length);
  const isKeptAlive = !message.isClosing && (!isOld || message.isKeptAlive) && body !== "close";
  return { code, reason, fields: message.fields, body, length: message.length, isKeptAlive, upgrade: message.upgrade };
}

/** RFC 9112, section 6.3. */
function bodyLength(code: number, method: string, length: number | "chunked" | null): BodyLength {
  if (method === "HEAD" || code < 200 || code === 204 || code === 304) return 0;
  if (method === "CONNECT" && code < 300) return 0;
  return length ?? "close";
}
