import { STATUS_CODES } from "node:http";
import type { EndRules } from "../rule-book.ts";

/** What the proxy answers by itself. */
export interface OwnAnswer {
  readonly code: 400 | 403 | 408 | 502 | 504;
  readonly body: string;
  /** Null: it is not said who denies. */
  readonly deniedBy: string | null;
}

const DENIED_BY = "x-weir-denied-by";
const LONGEST_DENIER = 512;

export function formatAnswer({ code, body, deniedBy }: OwnAnswer, isHead: boolean, isKeptAlive: boolean): string {
  const by = deniedBy === null ? "" : `${DENIED_BY}: ${deniedBy}\r\n`;
  const connection = isKeptAlive ? "" : "Connection: close\r\n";
  const head = `HTTP/1.1 ${code} ${STATUS_CODES[code]}\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n`;
  return `${head}${by}${connection}\r\n${isHead ? "" : body}`;
}

/** Which end denies, and the policies that were asked there: a value of a header. */
export function describeDenier(ends: readonly EndRules[], deniedBy: EndRules["end"] | null): string {
  const asked = ends.find(({ end }) => end === deniedBy)?.rules ?? [];
  const policies = new Set(asked.map(({ description: { kind, namespace, name } }) => `${kind} ${namespace}/${name}`));
  const text = [deniedBy === "source" ? "egress" : "ingress", ...policies].join(", ");
  return text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, LONGEST_DENIER);
}
