import { Kafka, logLevel } from "kafkajs";
import { expect, test } from "vitest";
import { serveKafka } from "#agent/proxy/kafka/serve.ts";
import { FakeBroker } from "#test/support/fake-broker.ts";
import { FakeProxy, endRules, proxyRule } from "#test/support/fake-proxy.ts";
import { frame, i16, i32, i64, i8, list, text } from "#test/support/kafka-bytes.ts";

const Key = { produce: 0, metadata: 3, apiVersions: 18 } as const;

/** A broker of one node, at the proxy's port, with topics of one partition each. */
function answer(request: Buffer, port: number): Buffer {
  const correlation = request.subarray(8, 12);
  switch (request.readInt16BE(4)) {
    case Key.apiVersions: {
      const versions = [
        [i16(Key.produce), i16(3), i16(13)],
        [i16(Key.metadata), i16(1), i16(1)],
        [i16(Key.apiVersions), i16(0), i16(4)],
      ];
      return frame(correlation, i16(0), list(...versions), i32(0));
    }
    case Key.metadata: {
      const topics = ["orders", "secret"].map((name) => {
        const partition = [i16(0), i32(0), i32(0), list([i32(0)]), list([i32(0)])];
        return [i16(0), text(name), i8(0), list(partition)];
      });
      return frame(correlation, list([i32(0), text("127.0.0.1"), i32(port), text(null)]), i32(0), list(...topics));
    }
    default:
      return frame(correlation, list([text("orders"), list([i32(0), i16(0), i64(4), i64(-1), i64(0)])]), i32(0));
  }
}

test("kafkajs produces to the topic that it may, is told of the one that it may not, and goes on", async () => {
  let port = 0;
  await using broker = await FakeBroker.start((request) => answer(request, port));
  const l7 = {
    family: "kafka",
    rules: [{ role: "produce", topic: "orders", apiKey: null, apiVersion: null, clientId: "shop" }],
  } as const;
  const rule = proxyRule("orders", { l7 });
  await using proxy = await FakeProxy.start(serveKafka, broker, [endRules([rule])]);
  ({ port } = proxy);
  const kafka = new Kafka({ clientId: "shop", brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ retry: { retries: 0 } });
  await producer.connect();
  try {
    const send = (topic: string) => producer.send({ topic, messages: [{ value: `to ${topic}` }] });
    expect(await send("orders")).toMatchObject([{ topicName: "orders", errorCode: 0, baseOffset: "4" }]);
    await expect(send("secret")).rejects.toMatchObject({ cause: { type: "TOPIC_AUTHORIZATION_FAILED" } });
    expect(await send("orders")).toMatchObject([{ topicName: "orders", errorCode: 0 }]);
  } finally {
    await producer.disconnect();
  }
  const asked = Buffer.concat(broker.asked);
  expect([asked.includes("to orders"), asked.includes("secret")]).toEqual([true, false]);
  // The broker has newer ones, which the client knows not to use.
  const produced = broker.asked.filter((request) => request.readInt16BE(4) === Key.produce);
  expect(produced.map((request) => request.readInt16BE(6))).toEqual([7, 7]);
  expect(proxy.told.filter(({ verdict }) => verdict === "denied")).toMatchObject([
    { content: { apiKey: "metadata", topics: expect.arrayContaining(["secret"]), clientId: "shop", errorCode: 29 } },
  ]);
});
