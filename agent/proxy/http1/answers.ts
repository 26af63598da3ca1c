import { STATUS_CODES } from "node:http";
import { DENIED_BY } from "../http-judgement.ts";

/** What the proxy answers by itself. */
export interface OwnAnswer {
  readonly code: 400 | 403 | 408 | 502 | 504;
  readonly body: string;
  /** Null: it is not said who denies. */
  readonly deniedBy: string | null;
}

export function formatAnswer({ code, body, deniedBy }: OwnAnswer, isHead: boolean, isKeptAlive: boolean): string {
  const by = deniedBy === null ? "" : `${DENIED_BY}: ${deniedBy}\r\n`;
  const connection = isKeptAlive ? "" : "Connection: close\r\n";
  const head = `HTTP/1.1 ${code} ${STATUS_CODES[code]}\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n`;
  return `${head}${by}${connection}\r\n${isHead ? "" : body}`;
}
