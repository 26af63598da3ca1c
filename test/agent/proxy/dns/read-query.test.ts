import { decode } from "dns-packet";
import { describe, expect, test } from "vitest";
import { headerAnswer, ownAnswer, Rcode, readQuery } from "#agent/proxy/dns/message.ts";
import { queryBytes, queryOf, someId } from "#test/support/dns-message.ts";

/** Header words, and what follows the header in hexadecimal digits. */
function message(words: { flags?: number; counts?: readonly number[] }, rest: string): Buffer {
  const header = Buffer.alloc(12);
  const counts = words.counts ?? [1, 0, 0, 0];
  for (const [i, word] of [someId, words.flags ?? 0x0100, ...counts].entries()) header.writeUInt16BE(word, i * 2);
  return Buffer.concat([header, Buffer.from(rest.replaceAll(" ", ""), "hex")]);
}

const nameA = "01 61 00";
const typeA = "0001 0001";
const opt = "00 0029 1000 00000000 0000";

describe("the question", () => {
  test.each([
    ["www.example.com", "www.example.com"],
    ["WWW.Example.COM", "www.example.com"],
    ["_sip._udp.example.com", "_sip._udp.example.com"],
    [".", ""],
  ])("%s has the name %j", (asked, name) => {
    expect(queryOf(queryBytes(asked))).toMatchObject({ name, type: 1, isPlainLookup: true, opt: null });
  });

  test("has other bytes of labels as numbers, so that no dot within a label looks like one between two", () => {
    const { name } = queryOf(message({}, `05 772e2ae420 03 636f6d 00 ${typeA}`));
    expect(name).toBe("w\\046\\042\\228\\032.com");
  });

  test("with EDNS is read, and forwarded as it came", () => {
    const bytes = queryBytes("a.test", "AAAA", true);
    expect(queryOf(bytes)).toMatchObject({ name: "a.test", type: 28, bytes });
  });

  test.each([
    ["of class CH", `${nameA} 0010 0003`, [1, 0, 0, 0]],
    ["for a zone", `${nameA} 00fc 0001`, [1, 0, 0, 0]],
    ["for a zone's changes", `${nameA} 00fb 0001 ${nameA} 0006 0001 00000000 0000`, [1, 0, 1, 0]],
  ])("%s is no plain look-up", (_, rest, counts) => {
    expect(queryOf(message({ counts }, rest)).isPlainLookup).toBe(false);
  });
});

test.each([
  ["no question", message({ counts: [0, 0, 0, 0] }, "")],
  ["two questions", message({ counts: [2, 0, 0, 0] }, `${nameA} ${typeA} ${nameA} ${typeA}`)],
  ["an answer", message({ counts: [1, 1, 0, 0] }, `${nameA} ${typeA} ${nameA} ${typeA} 00000000 0004 01020304`)],
  ["authority", message({ counts: [1, 0, 1, 0] }, `${nameA} ${typeA} ${nameA} ${typeA} 00000000 0004 01020304`)],
  ["more records than it has room for", message({ counts: [1, 0, 0, 0xffff] }, `${nameA} ${typeA} ${opt}`)],
  ["two OPT records", message({ counts: [1, 0, 0, 2] }, `${nameA} ${typeA} ${opt} ${opt}`)],
  ["bytes behind its end", message({}, `${nameA} ${typeA} 00`)],
  ["a record that is cut off", message({ counts: [1, 0, 0, 1] }, `${nameA} ${typeA} 00 0029 1000 00000000 0001`)],
  ["a name that is cut off", message({}, "03 6162")],
  ["a question without its class", message({}, `${nameA} 0001`)],
  ["a pointer to itself", message({}, `c00c ${typeA}`)],
  ["a pointer into the header", message({}, `01 61 c000 ${typeA}`)],
  ["a pointer forward", message({}, `c012 ${typeA} ${nameA}`)],
  ["a label of an unknown kind", message({}, `41 61 00 ${typeA}`)],
  ["a name of more than 255 bytes", message({}, `${`3f${"61".repeat(63)}`.repeat(4)} 00 ${typeA}`)],
  ["the bit of what is truncated", message({ flags: 0x0300 }, `${nameA} ${typeA}`)],
])("a query with %s is refused as malformed", (_, bytes) => {
  expect(readQuery(bytes)).toEqual({ ok: false, rcode: Rcode.FORMERR });
});

test("the longest name there is is read", () => {
  const labels = `${`3f${"61".repeat(63)}`.repeat(3)}3d${"62".repeat(61)}`;
  expect(queryOf(message({}, `${labels} 00 ${typeA}`)).name).toHaveLength(253);
});

test("another operation is not implemented", () => {
  expect(readQuery(message({ flags: 5 << 11 }, `${nameA} ${typeA}`))).toEqual({ ok: false, rcode: Rcode.NOTIMP });
});

test("what is no query gets no answer", () => {
  expect(readQuery(Buffer.alloc(11))).toBeNull();
  expect(readQuery(message({ flags: 0x8100 }, `${nameA} ${typeA}`))).toBeNull();
});

test("a refusal has the question and, where the client speaks it, EDNS", () => {
  const refusal = decode(ownAnswer(queryOf(queryBytes("Www.Example.com", "AAAA", true)), { rcode: Rcode.REFUSED }));
  expect(refusal).toMatchObject({
    id: someId,
    type: "response",
    rcode: "REFUSED",
    flag_rd: true,
    questions: [{ name: "Www.Example.com", type: "AAAA" }],
    answers: [],
    additionals: [{ type: "OPT", ednsVersion: 0 }],
  });
  expect(decode(ownAnswer(queryOf(queryBytes("a.test")), { rcode: Rcode.REFUSED })).additionals).toEqual([]);
});

test("the answer to what could not be read is its header", () => {
  expect(decode(headerAnswer(message({}, "03 6162"), Rcode.FORMERR))).toMatchObject({
    id: someId,
    type: "response",
    rcode: "FORMERR",
    questions: [],
  });
});
