/** Which protocol a connection speaks, by its first bytes and by what the rules ask for. Pure. */
import type { L7Family } from "#policy/model/l7.ts";
import type { EndRules } from "./rule-book.ts";

export type Protocol = "http1" | "http2" | "tls" | "kafka" | "dns";

/**
 * - `more`: these bytes may become several protocols.
 * - `raw`: it looks like nothing that is known, and every end lets it pass.
 * - `none`: it looks like nothing that is known, or not like what an end asks for: no handler could find a rule that it meets.
 */
export type Choice = Protocol | "more" | "raw" | "none";

/** RFC 9113 section 3.4. */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
/** Of a request line that is looked at. */
const MOST_LINE = 16 * 1024;

/** Whether nothing of the connection is asked for at any end. */
export function isPlain(ends: readonly EndRules[]): boolean {
  return ends.every(({ isPlain }) => isPlain);
}

/**
 * Chooses who serves a connection. The bytes go before the rules where they are distinct, and a handler passes on only what it
 * has understood to be of its protocol: a client that is taken for another than it is can only lose by it.
 *
 * @param bytes the first ones that the client sent, at least one.
 * @param isAll whether no more will come.
 */
export function chooseProtocol(ends: readonly EndRules[], bytes: Buffer, isAll: boolean): Choice {
  const distinct = distinctProtocol(bytes, isAll);
  if (distinct !== null) return distinct;
  const families = familiesOf(ends);
  const passes = isPlain(ends);
  const [only] = families;
  if (!passes && only !== undefined && families.size === 1) return handlerOf[only];
  const looks = looksLike(bytes, families, isAll);
  if (looks === "more") return looks;
  // What a rule speaks of is told of as what it is; all else that is not unmistakable passes as it comes.
  if (passes) return looks !== null && (looks === "http" || families.has(looks)) ? handlerOf[looks] : "raw";
  if (looks !== null && families.has(looks)) return handlerOf[looks];
  // Nothing passes before the rules are known: HTTP is told so in its own words.
  if (looks === "http" && ends.every(({ rules }) => rules.length === 0)) return "http1";
  // Rules that only speak of TLS: its handler is the one to tell of what is no TLS.
  return families.size === 0 ? "tls" : "none";
}

const handlerOf: Readonly<Record<L7Family, Protocol>> = { http: "http1", kafka: "kafka", dns: "dns" };

function familiesOf(ends: readonly EndRules[]): Set<L7Family> {
  const families = new Set<L7Family>();
  for (const { rules } of ends) for (const { l7 } of rules) if (l7) families.add(l7.family);
  return families;
}

/** By bytes that no other protocol begins with; null: it is none of these. */
function distinctProtocol(bytes: Buffer, isAll: boolean): "tls" | "http2" | "more" | null {
  const [first = 0, second = 0] = bytes;
  // A record of the handshake (RFC 8446 section 5.1), version 3.something.
  if (first === 0x16) return bytes.length < 2 ? (isAll ? null : "more") : second === 3 ? "tls" : null;
  const length = Math.min(bytes.length, preface.length);
  if (bytes.compare(preface, 0, length, 0, length) !== 0) return null;
  return length === preface.length ? "http2" : isAll ? null : "more";
}

/** A method (letters, of those in use) and what a target begins with (RFC 9112 section 3), perhaps after empty lines. */
const requestBegin = /^[\r\n]{0,4}(?:CONNECT [^ ]|[A-Z-]{1,32} (?:[/*]|https?:))/i;
const methodBegin = /^[\r\n]{0,4}[A-Z-]{0,32} ?$/i;
/** Of a line that has ended: so SSH, SMTP and other protocols of lines are not taken for HTTP. */
const requestLine = /^[\r\n]{0,4}[^\r\n]* HTTP\/1\.[0-9]\r?\n/;
const endedLine = /[^\r\n]\r?\n/;

function looksLike(bytes: Buffer, families: ReadonlySet<L7Family>, isAll: boolean): L7Family | "more" | null {
  const text = bytes.toString("latin1", 0, Math.min(bytes.length, MOST_LINE));
  if (requestBegin.test(text) && (requestLine.test(text) || !endedLine.test(text))) return "http";
  if (!isAll && methodBegin.test(text)) return "more";
  if (!families.has("kafka") && !families.has("dns")) return null;
  if (bytes.length < 8) return isAll ? null : "more";
  return looksLikeKafka(bytes) ? "kafka" : looksLikeDns(bytes) ? "dns" : null;
}

/** A request's length below 16 MiB, then an API key and a version of it as there are. */
function looksLikeKafka(bytes: Buffer): boolean {
  const length = bytes.readUInt32BE(0);
  return length >= 10 && length < 0x100_0000 && bytes.readUInt16BE(4) < 128 && bytes.readUInt16BE(6) < 64;
}

/** A query's length, then (after its number) flags of a query (RFC 1035 section 4.1.1) and one question. */
function looksLikeDns(bytes: Buffer): boolean {
  const flags = bytes.readUInt16BE(4);
  return bytes.readUInt16BE(0) >= 17 && (flags & 0xf8cf) === 0 && bytes.readUInt16BE(6) === 1;
}
