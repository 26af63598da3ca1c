import { formatIp } from "#agent/netlink/ip.ts";
import type { AnswerAddress } from "../names.ts";
import {
  CLASS_IN,
  HEADER_BYTES,
  isAnswer,
  type Query,
  rcodeOf,
  readRecordHead,
  readSections,
  RecordType,
  walkRecords,
} from "./message.ts";
import { readName, skipName } from "./name.ts";

/** What a server's answer says. */
export interface Answer {
  readonly rcode: number;
  /** The other names of the chain of aliases that begins with the question's, in its order. */
  readonly aliases: readonly string[];
  /** Of the type that was asked for, and of a name of the chain. */
  readonly addresses: readonly AnswerAddress[];
  /** Seconds: the least of all records of the answer; 0: there is none. */
  readonly ttl: number;
}

interface Found {
  readonly aliases: Map<string, { readonly target: string; readonly ttl: number }>;
  readonly addresses: Map<string, AnswerAddress[]>;
  ttl: number;
}

/**
 * Whether a message is an answer to this very question; its transaction id is the caller's to compare. Letters of the
 * question's name may have changed their case.
 */
export function answersQuery(bytes: Buffer, { bytes: asked, questionEnd, isTransfer }: Query): boolean {
  if (!isAnswer(bytes) || (bytes.readUInt16BE(2) & 0x7800) !== 0) return false;
  // What a server could not read it need not repeat, nor what it has repeated in the first message of many.
  if (bytes.readUInt16BE(4) === 0) return isTransfer || (rcodeOf(bytes) !== 0 && bytes.readUInt16BE(6) === 0);
  if (bytes.readUInt16BE(4) !== 1 || bytes.length < questionEnd) return false;
  const nameEnd = questionEnd - 4;
  for (let i = HEADER_BYTES; i < nameEnd; i++) {
    if (bytes[i] !== asked[i] && lower(bytes[i] as number) !== lower(asked[i] as number)) return false;
  }
  return bytes.readUInt32BE(nameEnd) === asked.readUInt32BE(nameEnd);
}

/** Lengths of labels are below the letters, so that they can be compared alike. */
function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

/** Reads an answer that {@link answersQuery}; null: it cannot be read. Takes time in proportion to its length. */
export function readAnswer(bytes: Buffer, query: Query): Answer | null {
  const sections = readSections(bytes);
  if (!sections) return null;
  const found: Found = { aliases: new Map(), addresses: new Map(), ttl: Number.POSITIVE_INFINITY };
  const answers = bytes.readUInt16BE(6);
  let at = sections.questionsEnd;
  for (let i = 0; i < answers; i++) {
    const record = readRecordHead(bytes, at);
    if (!record || !take(bytes, record, query, found)) return null;
    at = record.end;
  }
  if (!walkRecords(bytes, at, sections.records - answers)) return null;
  return { rcode: rcodeOf(bytes), ...followChain(query.name, found), ttl: answers === 0 ? 0 : found.ttl };
}

type Taken = NonNullable<ReturnType<typeof readRecordHead>>;

/** Keeps what the record says; false: it cannot be read. */
function take(
  bytes: Buffer,
  { offset, type, klass, ttl: seconds, data, end }: Taken,
  query: Query,
  found: Found,
): boolean {
  // More than half of what the field can hold counts as nothing (RFC 2181, section 8).
  const ttl = seconds > 0x7fffffff ? 0 : seconds;
  found.ttl = Math.min(found.ttl, ttl);
  const isAddress = type === RecordType.A || type === RecordType.AAAA;
  if (klass !== CLASS_IN || (type !== RecordType.CNAME && !isAddress)) return true;
  const owner = readName(bytes, offset);
  if (owner === null) return false;
  if (isAddress) {
    if (end - data !== (type === RecordType.A ? 4 : 16)) return false;
    if (query.type !== type && query.type !== RecordType.ANY) return true;
    const address = { address: formatIp(bytes.subarray(data, end)), ttl };
    const others = found.addresses.get(owner);
    if (others) others.push(address);
    else found.addresses.set(owner, [address]);
    return true;
  }
  const target = skipName(bytes, data) === end ? readName(bytes, data) : null;
  if (target === null) return false;
  // A name has one alias (RFC 1034, section 3.6.2); another one leads nowhere.
  if (!found.aliases.has(owner)) found.aliases.set(owner, { target, ttl });
  return true;
}

function followChain(name: string, found: Found): Pick<Answer, "aliases" | "addresses"> {
  const seen = new Set([name]);
  const addresses: AnswerAddress[] = [];
  let ttl = Number.POSITIVE_INFINITY;
  for (let at = name; ;) {
    for (const one of found.addresses.get(at) ?? []) {
      addresses.push({ address: one.address, ttl: Math.min(ttl, one.ttl) });
    }
    const alias = found.aliases.get(at);
    if (!alias || seen.has(alias.target)) break;
    at = alias.target;
    ttl = Math.min(ttl, alias.ttl);
    seen.add(at);
  }
  return { aliases: [...seen].slice(1), addresses };
}
