import type { Answer, RecordType } from "dns-packet";
import { describe, expect, test } from "vitest";
import { answersQuery, readAnswer } from "#agent/proxy/dns/answer.ts";
import { answerBytes, queryBytes, queryOf } from "#test/support/dns-message.ts";

const a = (name: string, data: string, ttl = 60): Answer => ({ type: "A", name, data, ttl });
const cname = (name: string, data: string, ttl = 60): Answer => ({ type: "CNAME", name, data, ttl });

function read(name: string, answers: Answer[], type: RecordType = "A") {
  return readAnswer(answerBytes(name, answers, type), queryOf(queryBytes(name, type)));
}

describe("addresses", () => {
  test("of the name itself, in whatever case", () => {
    expect(read("www.test", [a("WWW.test", "192.0.2.1", 30), a("www.test", "192.0.2.2")])).toEqual({
      rcode: 0,
      aliases: [],
      addresses: [
        { address: "192.0.2.1", ttl: 30 },
        { address: "192.0.2.2", ttl: 60 },
      ],
      ttl: 30,
    });
  });

  test("at the end of its chain, whatever the order, have the chain's least TTL", () => {
    const chain = [a("c.test", "192.0.2.1", 300), cname("b.test", "c.test", 20), cname("a.test", "b.test", 40)];
    expect(read("a.test", chain)).toMatchObject({
      aliases: ["b.test", "c.test"],
      addresses: [{ address: "192.0.2.1", ttl: 20 }],
    });
  });

  test("of names that do not belong to the chain are none of it", () => {
    const others = [
      cname("a.test", "b.test"),
      a("b.test", "192.0.2.1"),
      a("x.test", "192.0.2.9"),
      cname("x.test", "a.test"),
    ];
    expect(read("a.test", others)?.addresses).toEqual([{ address: "192.0.2.1", ttl: 60 }]);
  });

  test("behind a second alias of one name are none of it", () => {
    const two = [cname("a.test", "b.test"), cname("a.test", "evil.test"), a("evil.test", "192.0.2.9")];
    expect(read("a.test", two)).toMatchObject({ aliases: ["b.test"], addresses: [] });
  });

  test("of a chain that leads back to its beginning are read once", () => {
    const loop = [cname("a.test", "b.test"), cname("b.test", "a.test"), a("b.test", "192.0.2.1")];
    expect(read("a.test", loop)).toMatchObject({ aliases: ["b.test"], addresses: [{ address: "192.0.2.1" }] });
  });

  test("of another type than the one that was asked for are none", () => {
    const both: Answer[] = [a("a.test", "192.0.2.1"), { type: "AAAA", name: "a.test", data: "2001:db8::1", ttl: 60 }];
    expect(read("a.test", both, "AAAA")?.addresses).toEqual([{ address: "2001:db8::1", ttl: 60 }]);
    expect(read("a.test", both, "ANY" as RecordType)?.addresses).toHaveLength(2);
    expect(read("a.test", both, "TXT")?.addresses).toEqual([]);
  });

  test("with a TTL of more than its field's half have none", () => {
    expect(read("a.test", [a("a.test", "192.0.2.1", 0x80000000)])?.addresses).toEqual([
      { address: "192.0.2.1", ttl: 0 },
    ]);
  });
});

test("records of unknown types are passed over", () => {
  const unknown = { type: "UNKNOWN_65280", name: "a.test", data: Buffer.alloc(3), ttl: 5 } as unknown as Answer;
  expect(read("a.test", [unknown, a("a.test", "192.0.2.1")])).toMatchObject({ addresses: [{ ttl: 60 }], ttl: 5 });
});

describe("an answer cannot be read", () => {
  const whole = answerBytes("a.test", [a("a.test", "192.0.2.1")]);
  const query = queryOf(queryBytes("a.test"));

  test("when it is cut off anywhere", () => {
    for (let length = query.questionEnd; length < whole.length; length++) {
      expect(readAnswer(whole.subarray(0, length), query), `${length} bytes`).toBeNull();
    }
    expect(readAnswer(whole, query)).not.toBeNull();
  });

  test("when it counts more records than it has room for", () => {
    const counted = Buffer.from(whole);
    counted.writeUInt16BE(0xffff, 6);
    expect(readAnswer(counted, query)).toBeNull();
  });

  test("when an address has another length", () => {
    const long = Buffer.concat([whole, Buffer.alloc(1)]);
    long.writeUInt16BE(5, whole.length - 6);
    expect(readAnswer(long, query)).toBeNull();
  });

  test("when a name points to itself or forward", () => {
    for (const target of [query.questionEnd, query.questionEnd + 4]) {
      const name = Buffer.alloc(2);
      name.writeUInt16BE(0xc000 | target);
      const head = whole.subarray(0, query.questionEnd);
      const record = Buffer.from("00010001000000000004c0000201", "hex");
      expect(readAnswer(Buffer.concat([head, name, record]), query)).toBeNull();
    }
  });
});

describe("a message answers the query", () => {
  const query = queryOf(queryBytes("a.test"));

  test("with its question, also in another case", () => {
    expect(answersQuery(answerBytes("A.test", []), query)).toBe(true);
  });

  test("without a question only when it says what was wrong", () => {
    const bare = (flags: number): Buffer => Buffer.from(`1234${flags.toString(16)}0000000000000000`, "hex");
    expect(answersQuery(bare(0x8001), query)).toBe(true);
    expect(answersQuery(bare(0x8000), query)).toBe(false);
  });

  test.each([
    ["another name", answerBytes("b.test", [])],
    ["another type", answerBytes("a.test", [], "AAAA")],
    ["another class", Buffer.from(answerBytes("a.test", [])).fill(3, query.questionEnd - 1, query.questionEnd)],
    ["a query's header", queryBytes("a.test")],
    ["half a header", answerBytes("a.test", []).subarray(0, 6)],
  ])("not with %s", (_, message) => {
    expect(answersQuery(message, query)).toBe(false);
  });

  test("not with a type that differs as letters of other case do", () => {
    const https = queryBytes("a.test");
    https.writeUInt16BE(0x41, https.length - 4);
    const other = answerBytes("a.test", []);
    other.writeUInt16BE(0x61, other.length - 4);
    expect(answersQuery(other, queryOf(https))).toBe(false);
  });
});
