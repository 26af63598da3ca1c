import { serveKafka } from "#agent/proxy/kafka/serve.ts";
import { endRules, proxyRule } from "#test/support/fake-proxy.ts";
import { i32, kafkaRequest, list, text } from "#test/support/kafka-bytes.ts";
import { type ProtocolTarget, describe } from "./protocol-target.ts";

const METADATA = 3;
const FETCH = 1;
const API_VERSIONS = 18;
const rule = { role: null, apiKey: "metadata", apiVersion: null, clientId: null, topic: "orders" };
const l7 = { family: "kafka", rules: [rule] } as const;
const metadata = (...topics: readonly string[]): Buffer =>
  kafkaRequest(METADATA, 0, [list(...topics.map((topic) => [text(topic)]))]);

/** Frames whose topics, as they stand in the bytes, are to be those of a rule. */
export const kafka: ProtocolTarget = {
  handler: serveKafka,
  ends: [endRules([proxyRule("allowed", { l7 })])],
  seeds: [
    metadata("orders"),
    metadata("secrets"),
    Buffer.concat([metadata("orders"), metadata("secrets"), metadata("orders")]),
    kafkaRequest(API_VERSIONS, 0, []),
    kafkaRequest(FETCH, 0, [i32(-1), i32(1), i32(1), list([text("secrets"), list()])]),
  ],
  tokens: [
    text("orders"),
    text("secrets"),
    text(null),
    i32(0),
    i32(1),
    i32(-1),
    i32(0x7fff_ffff),
    Buffer.of(0, METADATA),
    Buffer.of(0, FETCH),
    Buffer.of(0, 12),
    metadata("secrets"),
  ],
  serve(socket, understood) {
    let bytes = Buffer.alloc(0);
    socket.on("error", () => {}).on("end", () => socket.end());
    socket.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE(0)) {
        const end = 4 + bytes.readUInt32BE(0);
        understood.push(readTopics(bytes.subarray(4, end)));
        socket.write(Buffer.concat([i32(4), bytes.subarray(8, 12)]));
        bytes = bytes.subarray(end);
      }
    });
  },
  decided: ({ records }) => records.filter(({ kind }) => kind === "request").map(describe),
  fault({ understood }) {
    const forbidden = understood.find((topics) => topics !== "orders" && !topics.startsWith("other"));
    return forbidden === undefined ? null : `the server reads ${JSON.stringify(forbidden)}`;
  },
};

/** Of a request for metadata of version 0; of every other one, its kind. */
function readTopics(request: Buffer): string {
  const [key, version] = [request.readInt16BE(0), request.readInt16BE(2)];
  if (key !== METADATA || version !== 0) return `other ${key}`;
  let at = 8;
  at += 2 + Math.max(0, request.readInt16BE(at));
  const topics = new Set<string>();
  const count = request.readInt32BE(at);
  at += 4;
  for (let i = 0; i < count; i++) {
    const length = request.readInt16BE(at);
    topics.add(request.toString("latin1", at + 2, at + 2 + length));
    at += 2 + length;
  }
  return [...topics].join();
}
