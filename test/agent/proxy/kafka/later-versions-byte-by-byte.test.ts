import { expect, test } from "vitest";
import { refuse } from "#agent/proxy/kafka/refusals.ts";
import { readRequest } from "#agent/proxy/kafka/request.ts";
import { frame, i16, i32, i64, i8, kafkaRequest, list, text } from "#test/support/kafka-bytes.ts";

const broker = { host: "10.0.0.9", port: 9092 };
const NONE = -2147483648;
const topic = (...partition: Buffer[]): Buffer => list([text("t"), list(partition)]);
const error = [i32(3), i16(29)];

/** Name, key, version, body of the request, body of the answer: as the protocol's guide has them. */
const cases: readonly (readonly [string, number, number, readonly Buffer[], readonly Buffer[]])[] = [
  [
    "Produce",
    0,
    8,
    [text(null), i16(-1), i32(9), topic(i32(3), i32(2), i16(0))],
    [topic(...error, i64(-1), i64(-1), i64(-1), list(), text(null)), i32(0)],
  ],
  [
    "ListOffsets",
    2,
    4,
    [i32(-1), i8(0), topic(i32(3), i32(6), i64(-1))],
    [i32(0), topic(...error, i64(-1), i64(-1), i32(-1))],
  ],
  [
    "ListOffsets",
    2,
    5,
    [i32(-1), i8(0), topic(i32(3), i32(6), i64(-1))],
    [i32(0), topic(...error, i64(-1), i64(-1), i32(-1))],
  ],
  [
    "Metadata",
    3,
    7,
    [list([text("t")]), i8(1)],
    [
      i32(0),
      list([i32(0), text("10.0.0.9"), i32(9092), text(null)]),
      text(null),
      i32(-1),
      list([i16(29), text("t"), i8(0), list()]),
    ],
  ],
  [
    "Metadata",
    3,
    8,
    [list([text("t")]), i8(1), i8(0), i8(0)],
    [
      i32(0),
      list([i32(0), text("10.0.0.9"), i32(9092), text(null)]),
      text(null),
      i32(-1),
      list([i16(29), text("t"), i8(0), list(), i32(NONE)]),
      i32(NONE),
    ],
  ],
  [
    "OffsetCommit",
    8,
    6,
    [text("g"), i32(1), text("m"), topic(i32(3), i64(5), i32(1), text("x"))],
    [i32(0), topic(...error)],
  ],
  [
    "OffsetCommit",
    8,
    7,
    [text("g"), i32(1), text("m"), text("i"), topic(i32(3), i64(5), i32(1), text(null))],
    [i32(0), topic(...error)],
  ],
  [
    "OffsetFetch",
    9,
    5,
    [text("g"), topic(i32(3))],
    [i32(0), topic(i32(3), i64(-1), i32(-1), text(null), i16(29)), i16(0)],
  ],
  [
    "CreateTopics",
    19,
    4,
    [list([text("t"), i32(1), i16(1), list(), list()]), i32(9), i8(0)],
    [i32(0), list([text("t"), i16(29), text(null)])],
  ],
  ["DeleteTopics", 20, 2, [list([text("t")]), i32(9)], [i32(0), list([text("t"), i16(29)])]],
  ["DeleteTopics", 20, 3, [list([text("t")]), i32(9)], [i32(0), list([text("t"), i16(29)])]],
  ["OffsetForLeaderEpoch", 23, 0, [topic(i32(3), i32(1))], [topic(i16(29), i32(3), i64(-1))]],
  ["OffsetForLeaderEpoch", 23, 1, [topic(i32(3), i32(1))], [topic(i16(29), i32(3), i32(-1), i64(-1))]],
  ["OffsetForLeaderEpoch", 23, 2, [topic(i32(3), i32(1), i32(1))], [i32(0), topic(i16(29), i32(3), i32(-1), i64(-1))]],
  [
    "OffsetForLeaderEpoch",
    23,
    3,
    [i32(-1), topic(i32(3), i32(1), i32(1))],
    [i32(0), topic(i16(29), i32(3), i32(-1), i64(-1))],
  ],
  ["AddPartitionsToTxn", 24, 2, [text("x"), i64(1), i16(0), topic(i32(3))], [i32(0), topic(...error)]],
  [
    "TxnOffsetCommit",
    28,
    2,
    [text("x"), text("g"), i64(1), i16(0), topic(i32(3), i64(5), i32(1), text(null))],
    [i32(0), topic(...error)],
  ],
];

test.each(cases)("%s (%s), version %s", (_, apiKey, version, body, answer) => {
  const request = readRequest(kafkaRequest(apiKey, version, body).subarray(4));
  if (!request) throw new Error("no request");
  const isListed = [3, 19, 20].includes(apiKey);
  expect(request.topics).toMatchObject({ topics: [{ name: "t", partitions: isListed ? [] : [3] }] });
  expect(refuse(request, broker)).toEqual({ error: 29, frame: frame(i32(7), ...answer) });
  // What follows could be anything to the broker.
  const longer = readRequest(kafkaRequest(apiKey, version, [...body, i8(0)]).subarray(4));
  expect(longer).toMatchObject({ topics: "unknown", clientId: "billing" });
});

test("a flexible version has a client, and topics that are not known", () => {
  // Metadata 9: header of version 2 with tagged fields, lists with their length as a varint.
  const body = [Buffer.from("000202740001000000", "hex")];
  expect(readRequest(kafkaRequest(3, 9, body).subarray(4))).toEqual({
    apiKey: 3,
    apiVersion: 9,
    correlationId: 7,
    clientId: "billing",
    topics: "unknown",
  });
});

test("the one request without a client's name, those with none, and what is no request", () => {
  expect(readRequest(frame(i16(7), i16(0), i32(1), i32(5)).subarray(4))).toMatchObject({ clientId: null });
  expect(readRequest(kafkaRequest(18, 0, [], { clientId: null }).subarray(4))).toMatchObject({
    clientId: null,
    topics: "none",
  });
  expect(readRequest(kafkaRequest(-1, 0, []).subarray(4))).toBe(null);
  expect(readRequest(kafkaRequest(0, -1, []).subarray(4))).toBe(null);
  expect(readRequest(Buffer.from("GET / HTTP/1.1"))).toBe(null);
});
