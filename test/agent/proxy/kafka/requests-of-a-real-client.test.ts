import { expect, test } from "vitest";
import { KafkaError, refuse } from "#agent/proxy/kafka/refusals.ts";
import { readRequest } from "#agent/proxy/kafka/request.ts";
import { topicRequests } from "#agent/proxy/kafka/topic-requests.ts";
import { clientRequest, definitions } from "#test/support/kafka-client-messages.ts";
import { Random } from "#test/support/random.ts";
import { sized } from "#test/support/size.ts";

const broker = { host: "10.0.0.9", port: 9092 };
const messages = [{ key: null, value: Buffer.from("a message"), timestamp: 1, headers: {} }];
const partition = (number: number) => ({
  partition: number,
  offset: "5",
  timestamp: "-1",
  fetchOffset: "3",
  maxBytes: 1000,
  messages,
});
/** Two topics with two partitions and one. */
const topics = [
  { topic: "orders", partitions: [partition(0), partition(7)] },
  { topic: "events.all", partitions: [partition(1)] },
];
const numbered = topics.map(({ topic, partitions }) => ({ topic, partitions: partitions.map((one) => one.partition) }));
const group = { groupId: "g", groupGenerationId: 1, memberId: "m", retentionTime: "-1" };
const producer = { transactionalId: "t", producerId: "9", producerEpoch: 1 };
const session = { sessionId: 5, sessionEpoch: 0, forgottenTopics: [{ topic: "old", partitions: [3] }] };

/** What is asked, by the name that kafkajs has for the request. */
const contents: Readonly<Record<string, object>> = {
  Produce: { acks: 1, timeout: 10, topicData: topics, ...producer },
  Fetch: { maxWaitTime: 1, minBytes: 1, maxBytes: 9, topics, ...session },
  ListOffsets: { topics },
  OffsetCommit: { ...group, topics },
  OffsetFetch: { ...group, topics },
  DeleteRecords: { topics, timeout: 5 },
  AddPartitionsToTxn: { ...producer, topics: numbered },
  TxnOffsetCommit: { ...producer, ...group, topics },
  Metadata: { topics: ["orders", "events.all"] },
  CreateTopics: {
    topics: topics.map(({ topic }) => ({
      topic,
      replicaAssignment: [{ partition: 0, replicas: [1, 2] }],
      configEntries: [{ name: "a", value: "b" }],
    })),
  },
  DeleteTopics: { topics: ["orders", "events.all"] },
};
const hasPartitions = (name: string): boolean => !["Metadata", "CreateTopics", "DeleteTopics"].includes(name);
const cases = Object.keys(contents).flatMap((name) =>
  (definitions[name]?.versions ?? []).map((version) => [name, Number(version)] as const),
);

test.each(cases)("%s, version %s: topics are read, and the client understands that they are denied", async (...one) => {
  const [name, version] = one;
  const { frame, decode } = await clientRequest(name, version, contents[name] ?? {});
  const request = readRequest(frame.subarray(4));
  if (!request) throw new Error("no request");
  expect(request).toMatchObject({ apiVersion: version, correlationId: 7, clientId: "billing" });
  const [first, second] = hasPartitions(name) ? [[0, 7], [1]] : [[], []];
  const read = [
    { name: "orders", partitions: first },
    { name: "events.all", partitions: second },
  ];
  expect(request.topics).toMatchObject({ topics: read });
  const { frame: answer, error } = refuse(request, broker);
  if (!answer) throw new Error("no answer");
  expect([error, answer.readInt32BE(), answer.readInt32BE(4)]).toEqual([29, answer.length - 4, 7]);
  const text = JSON.stringify(await decode(answer), (_, value: unknown) =>
    typeof value === "bigint" ? `${value}` : value,
  );
  expect(text.match(/"(topicE|e)rrorCode":29/g)).toHaveLength(hasPartitions(name) ? 3 : 2);
  expect(text.match(/orders|events\.all/g)).toHaveLength(2);
});

test("kafkajs knows every kind that is read but one", () => {
  const names = new Set(cases.map(([name]) => name));
  expect(topicRequests.size).toBe(names.size + 1);
});

test("the place of a fetch's epoch is found, so that no session begins", async () => {
  for (const version of [7, 8, 9, 10, 11]) {
    const { frame } = await clientRequest("Fetch", version, { ...contents["Fetch"], sessionEpoch: 77 });
    const request = readRequest(frame.subarray(4));
    const read = typeof request?.topics === "object" ? request.topics.session : undefined;
    expect(read?.epoch).toBe(77);
    expect(frame.readInt32BE(4 + (read?.place ?? 0))).toBe(77);
  }
});

test("what is asked of all topics, of none, and of what is not read", async () => {
  const topicsOf = async (name: string, version: number, content: object): Promise<unknown> => {
    const { frame } = await clientRequest(name, version, content);
    return readRequest(frame.subarray(4))?.topics;
  };
  expect(await topicsOf("Metadata", 0, { topics: [] })).toEqual({ topics: null });
  expect(await topicsOf("Heartbeat", 1, group)).toBe("none");
  expect(await topicsOf("DescribeConfigs", 1, { resources: [] })).toBe("unknown");
});

test("requests without topics are answered where the answer has a place for an error", async () => {
  for (const [name, versions, content] of [
    ["GroupCoordinator", [0, 1, 2], { coordinatorKey: "g", coordinatorType: 0 }],
    ["Heartbeat", [0, 1, 2, 3], group],
    ["InitProducerId", [0, 1], { transactionalId: null, transactionTimeout: 1 }],
  ] as const) {
    for (const version of versions) {
      const { frame, decode } = await clientRequest(name, version, content);
      const request = readRequest(frame.subarray(4));
      const answer = request && refuse(request, broker).frame;
      const text =
        answer &&
        JSON.stringify(await decode(answer), (_, value: unknown) => (typeof value === "bigint" ? `${value}` : value));
      expect(text, `${name} ${version}`).toContain(`"errorCode":${KafkaError.clusterAuthorizationFailed}`);
    }
  }
  const joining = { ...group, sessionTimeout: 1, rebalanceTimeout: 1, protocolType: "c", groupProtocols: [] };
  const { frame } = await clientRequest("JoinGroup", 1, joining);
  const request = readRequest(frame.subarray(4));
  expect(request && refuse(request, broker)).toEqual({ error: 31, frame: null });
});

test("requests that are cut off or have wrong bytes never throw, and get no answer out of proportion", async () => {
  const random = new Random(0x4af4a);
  const frames: Buffer[] = [];
  for (const [name, version] of cases) frames.push((await clientRequest(name, version, contents[name] ?? {})).frame);
  for (const frame of frames) {
    for (let size = 4; size < frame.length; size++) {
      const request = readRequest(frame.subarray(4, size));
      expect(request === null || request.topics === "unknown").toBe(true);
    }
  }
  for (let i = 0; i < sized({ short: 3000, long: 300_000 }); i++) {
    const content = Buffer.from(random.pick(frames).subarray(4));
    for (let n = random.integer(1, 4); n > 0; n--)
      content[random.integer(0, content.length - 1)] = random.integer(0, 255);
    const request = readRequest(content);
    const answer = request && refuse(request, broker).frame;
    expect(answer?.length ?? 0).toBeLessThan(100 + 20 * content.length);
  }
});
