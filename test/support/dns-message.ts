import { type Answer, encode, type RecordType, RECURSION_DESIRED } from "dns-packet";
import { expect } from "vitest";
import { type Query, readQuery } from "#agent/proxy/dns/message.ts";

export const someId = 0x1234;

/** A query as resolvers of libc send it. */
export function queryBytes(name: string, type: RecordType = "A", edns = false): Buffer {
  const additionals: Answer[] = edns
    ? [
        {
          type: "OPT",
          name: ".",
          udpPayloadSize: 4096,
          extendedRcode: 0,
          ednsVersion: 0,
          flags: 0,
          flag_do: false,
          options: [],
        },
      ]
    : [];
  return encode({ type: "query", id: someId, flags: RECURSION_DESIRED, questions: [{ type, name }], additionals });
}

export function queryOf(bytes: Buffer): Query {
  const read = readQuery(bytes);
  if (!read?.ok) expect.unreachable(`is no query: ${bytes.toString("hex")}`);
  return read.query;
}

/** A server's answer to {@link queryBytes}. */
export function answerBytes(name: string, answers: Answer[], type: RecordType = "A", flags = 0): Buffer {
  return encode({ type: "response", id: someId, flags, questions: [{ type, name }], answers });
}
