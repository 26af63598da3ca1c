import type { DnsQuestion } from "#policy/l7/dns.ts";
import { readName, skipName } from "./name.ts";

/** Codes of answers (RFC 1035, section 4.1.1). */
export const Rcode = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;

/** Types of records that something depends on here. */
export const RecordType = { A: 1, CNAME: 5, SOA: 6, AAAA: 28, OPT: 41, IXFR: 251, AXFR: 252, ANY: 255 } as const;

export const CLASS_IN = 1;

export const HEADER_BYTES = 12;
/** The least that a record takes: the root's name, type, class, TTL and a length of zero. */
const RECORD_BYTES = 11;

/** Bits of the header's second word. */
const QR = 0x8000;
const OPCODE = 0x7800;
const TC = 0x0200;
const RD = 0x0100;
const CD = 0x0010;
/** The DO bit of an OPT record's TTL (RFC 3225). */
const DO = 0x8000;

/** What our own answers say of the size of datagrams that can be taken (dnsflagday.net/2020). */
const OWN_UDP_SIZE = 1232;

/** A query, read to its last byte. */
export interface Query extends DnsQuestion {
  readonly bytes: Buffer;
  readonly type: number;
  readonly isTransfer: boolean;
  /** Where the question ends. */
  readonly questionEnd: number;
  /** Where the OPT record's own fields stand, behind its name; null: the client speaks no EDNS. */
  readonly opt: number | null;
}

/** `rcode`: of the answer that is due. */
export type ReadQuery = { readonly ok: true; readonly query: Query } | { readonly ok: false; readonly rcode: number };

const notImplemented: ReadQuery = { ok: false, rcode: Rcode.NOTIMP };
const malformed: ReadQuery = { ok: false, rcode: Rcode.FORMERR };

/**
 * Reads a client's message. It is either one question as every server reads it, or refused: nothing is repaired, so
 * that what has been judged can be forwarded byte by byte. Null: no answer is due, because it is no query at all.
 */
export function readQuery(bytes: Buffer): ReadQuery | null {
  if (bytes.length < HEADER_BYTES) return null;
  const flags = bytes.readUInt16BE(2);
  if (flags & QR) return null;
  if (flags & OPCODE) return notImplemented;
  const sections = readSections(bytes);
  if (!sections || flags & TC || bytes.readUInt16BE(4) !== 1 || bytes.readUInt16BE(6) !== 0) return malformed;
  const questionEnd = sections.questionsEnd;
  const type = bytes.readUInt16BE(questionEnd - 4);
  // An incremental transfer says in this section what the client has (RFC 1995, section 3).
  const authority = type === RecordType.IXFR ? 1 : 0;
  if (bytes.readUInt16BE(8) > authority) return malformed;
  const walk = walkRecords(bytes, questionEnd, bytes.readUInt16BE(8) + bytes.readUInt16BE(10));
  if (!walk || walk.end !== bytes.length || walk.opts > 1) return malformed;
  const name = readName(bytes, HEADER_BYTES);
  if (name === null) return malformed;
  const isTransfer = type === RecordType.AXFR || type === RecordType.IXFR;
  const isPlainLookup = bytes.readUInt16BE(questionEnd - 2) === CLASS_IN && !isTransfer;
  return { ok: true, query: { bytes, name, type, isTransfer, isPlainLookup, questionEnd, opt: walk.opt } };
}

/** The counts of a message against its length, and where its one question, if any, ends. */
export function readSections(bytes: Buffer): { readonly questionsEnd: number; readonly records: number } | null {
  const questions = bytes.readUInt16BE(4);
  const records = bytes.readUInt16BE(6) + bytes.readUInt16BE(8) + bytes.readUInt16BE(10);
  if (questions > 1 || HEADER_BYTES + questions * 5 + records * RECORD_BYTES > bytes.length) return null;
  if (questions === 0) return { questionsEnd: HEADER_BYTES, records };
  const nameEnd = skipName(bytes, HEADER_BYTES);
  return nameEnd < 0 || nameEnd + 4 > bytes.length ? null : { questionsEnd: nameEnd + 4, records };
}

export interface RecordHead {
  /** Of the record's name. */
  readonly offset: number;
  readonly type: number;
  readonly klass: number;
  readonly ttl: number;
  /** Of its data. */
  readonly data: number;
  readonly end: number;
}

/** Reads what all records have; null: it is cut off. */
export function readRecordHead(bytes: Buffer, offset: number): RecordHead | null {
  const at = skipName(bytes, offset);
  if (at < 0 || at + 10 > bytes.length) return null;
  const data = at + 10;
  const end = data + bytes.readUInt16BE(at + 8);
  if (end > bytes.length) return null;
  return {
    offset,
    type: bytes.readUInt16BE(at),
    klass: bytes.readUInt16BE(at + 2),
    ttl: bytes.readUInt32BE(at + 4),
    data,
    end,
  };
}

/** Walks over so many records; null when one is cut off. */
export function walkRecords(bytes: Buffer, offset: number, count: number) {
  let end = offset;
  let opts = 0;
  let opt: number | null = null;
  for (let i = 0; i < count; i++) {
    const record = readRecordHead(bytes, end);
    if (!record) return null;
    if (record.type === RecordType.OPT) {
      opts++;
      opt = record.data - 10;
    }
    end = record.end;
  }
  return { end, opts, opt };
}

export interface OwnAnswer {
  readonly rcode: number;
  /** Whether to come again by TCP. */
  readonly isTruncated?: boolean;
}

/** An answer of the proxy itself to a query, without records but for EDNS where the client speaks it. */
export function ownAnswer({ bytes, questionEnd, opt }: Query, { rcode, isTruncated = false }: OwnAnswer): Buffer {
  const answer = Buffer.alloc(questionEnd + (opt === null ? 0 : RECORD_BYTES));
  bytes.copy(answer, 0, 0, questionEnd);
  writeAnswerFlags(answer, bytes, rcode | (isTruncated ? TC : 0));
  answer.fill(0, 6, HEADER_BYTES);
  if (opt === null) return answer;
  answer.writeUInt16BE(1, 10);
  answer.writeUInt16BE(RecordType.OPT, questionEnd + 1);
  answer.writeUInt16BE(OWN_UDP_SIZE, questionEnd + 3);
  answer.writeUInt16BE(bytes.readUInt16BE(opt + 6) & DO, questionEnd + 7);
  return answer;
}

/** An answer to a message whose question nobody has read: its header alone. */
export function headerAnswer(message: Buffer, rcode: number): Buffer {
  const answer = Buffer.alloc(HEADER_BYTES);
  message.copy(answer, 0, 0, 2);
  writeAnswerFlags(answer, message, rcode);
  return answer;
}

function writeAnswerFlags(answer: Buffer, query: Buffer, own: number): void {
  answer.writeUInt16BE(QR | (query.readUInt16BE(2) & (OPCODE | RD | CD)) | own, 2);
}

export function isAnswer(bytes: Buffer): boolean {
  return bytes.length >= HEADER_BYTES && (bytes.readUInt16BE(2) & QR) !== 0;
}

export function isTruncated(answer: Buffer): boolean {
  return (answer.readUInt16BE(2) & TC) !== 0;
}

/** Of the header; its upper bits in an OPT record (RFC 6891) are not looked at. */
export function rcodeOf(answer: Buffer): number {
  return answer.readUInt16BE(2) & 0xf;
}

const typeNames = new Map([
  [1, "A"],
  [2, "NS"],
  [5, "CNAME"],
  [6, "SOA"],
  [12, "PTR"],
  [13, "HINFO"],
  [15, "MX"],
  [16, "TXT"],
  [28, "AAAA"],
  [29, "LOC"],
  [33, "SRV"],
  [35, "NAPTR"],
  [39, "DNAME"],
  [43, "DS"],
  [44, "SSHFP"],
  [46, "RRSIG"],
  [47, "NSEC"],
  [48, "DNSKEY"],
  [50, "NSEC3"],
  [52, "TLSA"],
  [64, "SVCB"],
  [65, "HTTPS"],
  [99, "SPF"],
  [251, "IXFR"],
  [252, "AXFR"],
  [255, "ANY"],
  [256, "URI"],
  [257, "CAA"],
]);

/** Also of types without a name (RFC 3597). */
export function typeName(type: number): string {
  return typeNames.get(type) ?? `TYPE${type}`;
}
