import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { afterEach, expect, test } from "vitest";
import { FrameReader } from "#agent/proxy/kafka/frame-reader.ts";
import { serveKafka } from "#agent/proxy/kafka/serve.ts";
import type { EndRules, ProxyRule } from "#agent/proxy/rule-book.ts";
import type { KafkaRule } from "#policy/model/l7.ts";
import { type BrokerAnswer, FakeBroker } from "#test/support/fake-broker.ts";
import { FakeProxy, endRules, proxyRule } from "#test/support/fake-proxy.ts";
import { frame, i16, i32, i64, i8, kafkaRequest, list, text } from "#test/support/kafka-bytes.ts";

const ANY: KafkaRule = { role: null, apiKey: null, apiVersion: null, clientId: null, topic: null };
const kafka = (name: string, ...rules: Partial<KafkaRule>[]): ProxyRule =>
  proxyRule(name, { l7: { family: "kafka", rules: rules.map((rule) => ({ ...ANY, ...rule })) } });
const orders = kafka("orders", { role: "produce", topic: "orders" });
const events = kafka("events", { role: "produce", topic: "events" }, { role: "consume", topic: "events" });

/** Produce, version 3, to these topics; with acks 0 nobody answers. */
function produce(correlationId: number, topics: readonly string[], acks = 1): Buffer {
  const all = topics.map((topic) => [text(topic), list([i32(0), i32(3), Buffer.from("abc")])]);
  return kafkaRequest(0, 3, [text(null), i16(acks), i32(9), list(...all)], { correlationId });
}
/** Fetch, version 7. */
function fetch(correlationId: number, topics: readonly string[], epoch: number): Buffer {
  const all = topics.map((topic) => [text(topic), list([i32(0), i64(0), i64(0), i32(9)])]);
  const head = [i32(-1), i32(0), i32(1), i32(9), i8(0), i32(0), i32(epoch)];
  return kafkaRequest(1, 7, [...head, list(...all), list()], { correlationId });
}
/** What the broker answers: the number of the request, and a word. */
const done: BrokerAnswer = (request) => frame(request.subarray(8, 12), text("done"));
const isDone = (answer: Buffer): boolean => answer.includes("done");
const numbers = (answers: readonly Buffer[]): number[] => answers.map((answer) => answer.readInt32BE(4));

const scope: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of scope.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});

/** A client of a broker behind the proxy. */
class Client {
  readonly answers: Buffer[] = [];
  readonly #reader = new FrameReader(1_000_000);
  readonly socket: Socket;
  readonly broker: FakeBroker;
  readonly proxy: FakeProxy;
  end: "reset" | "end" | null = null;

  constructor(socket: Socket, broker: FakeBroker, proxy: FakeProxy) {
    this.socket = socket;
    this.broker = broker;
    this.proxy = proxy;
    socket.on("error", () => (this.end = "reset"));
    socket.on("end", () => (this.end ??= "end"));
    socket.on("data", (chunk: Buffer) => {
      this.#reader.add(chunk);
      for (let next = this.#reader.next(); next instanceof Buffer; next = this.#reader.next()) this.answers.push(next);
    });
  }

  async gets(count: number): Promise<Buffer[]> {
    await expect.poll(() => this.answers.length).toBe(count);
    return this.answers;
  }
}

async function client(ends: readonly EndRules[] | null, answer = done, limits = {}): Promise<Client> {
  const broker = await FakeBroker.start(answer);
  const proxy = await FakeProxy.start(serveKafka, broker, ends, limits);
  const socket = connect({ port: proxy.port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
  scope.push(broker, proxy, { [Symbol.asyncDispose]: async () => void socket.destroy() });
  await once(socket, "connect");
  return new Client(socket, broker, proxy);
}

test("what is allowed comes to the broker as it was, in whatever pieces, and its answer back", async () => {
  const { socket, broker, proxy, ...one } = await client([endRules([orders])]);
  const request = produce(5, ["orders"]);
  for (const byte of request) socket.write(Buffer.from([byte]));
  await expect.poll(() => broker.asked).toEqual([request]);
  await expect.poll(() => one.answers).toEqual([done(request)]);
  expect(proxy.told).toMatchObject([
    {
      verdict: "forwarded",
      rules: [orders.description],
      content: {
        apiKey: "produce",
        apiVersion: 3,
        correlationId: 5,
        clientId: "billing",
        topics: ["orders"],
        errorCode: 0,
      },
    },
  ]);
});

test("pipelined requests are answered in their order, denied ones among them, and the connection stays", async () => {
  const one = await client([endRules([orders])], () => null);
  const all = [produce(1, ["orders"]), produce(2, ["events"]), produce(3, ["orders"]), produce(4, ["secret"])];
  one.socket.write(Buffer.concat(all));
  await expect.poll(() => one.broker.asked.length).toBe(2);
  expect(one.answers).toEqual([]);
  const [server] = one.broker.clients;
  server?.write(done(produce(1, [])) ?? "");
  expect(numbers(await one.gets(2))).toEqual([1, 2]);
  server?.write(done(produce(3, [])) ?? "");
  expect(numbers(await one.gets(4))).toEqual([1, 2, 3, 4]);
  expect(one.answers.map(isDone)).toEqual([true, false, true, false]);
  expect(one.answers[1]).toEqual(
    frame(i32(2), list([text("events"), list([i32(0), i16(29), i64(-1), i64(-1)])]), i32(0)),
  );
  const verdicts = one.proxy.told.map(({ verdict, deniedBy, content }) => [
    verdict,
    deniedBy,
    content.family === "kafka" ? content.errorCode : null,
  ]);
  expect(verdicts).toEqual([
    ["forwarded", null, 0],
    ["denied", "source", 29],
    ["forwarded", null, 0],
    ["denied", "source", 29],
  ]);
});

test("every topic has to be allowed, by whichever rule, at each end", async () => {
  const one = await client([endRules([orders, events]), endRules([kafka("all", {})], { end: "destination" })]);
  one.socket.write(Buffer.concat([produce(1, ["orders", "events"]), produce(2, ["orders", "events", "secret"])]));
  expect((await one.gets(2)).map(isDone)).toEqual([true, false]);
  const names = one.proxy.told[0]?.rules.map(({ name }) => name);
  expect(names).toEqual(["orders", "all", "events"]);
  one.proxy.ends = [endRules([orders, events]), endRules([orders], { end: "destination" })];
  one.socket.write(produce(3, ["orders", "events"]));
  await one.gets(3);
  expect(one.proxy.told[2]).toMatchObject({ verdict: "denied", deniedBy: "destination", rules: [] });
});

test("rules that change count for the next request", async () => {
  const one = await client([endRules([orders])]);
  one.socket.write(produce(1, ["events"]));
  await one.gets(1);
  one.proxy.ends = [endRules([orders], { isPlain: true })];
  one.socket.write(produce(2, ["events"]));
  expect((await one.gets(2)).map(isDone)).toEqual([false, true]);
  one.proxy.ends = null;
  one.socket.write(produce(3, ["orders"]));
  await expect.poll(() => one.end).toBe("reset");
  expect(one.broker.asked).toHaveLength(1);
});

test("a producer that wants no answer gets none; what is denied to it ends the connection, as a broker does", async () => {
  const one = await client([endRules([orders])], (request) => (request.includes("quiet") ? null : done(request)));
  const quiet = kafka("quiet", { topic: "quiet" });
  one.proxy.ends = [endRules([orders, quiet])];
  one.socket.write(
    Buffer.concat([
      produce(1, ["quiet"], 0),
      produce(2, ["orders"]),
      produce(3, ["secret"], 0),
      produce(4, ["orders"]),
    ]),
  );
  await expect.poll(() => one.end).toBe("end");
  expect(numbers(one.answers)).toEqual([2]);
  expect(one.broker.asked).toHaveLength(2);
  expect(one.proxy.told.at(-1)).toMatchObject({ verdict: "denied", content: { correlationId: 3, errorCode: 29 } });
});

test("no session of a consumer begins at the broker, and none is gone on with: each fetch says its topics", async () => {
  const one = await client([endRules([events])]);
  one.socket.write(Buffer.concat([fetch(1, ["events"], 0), fetch(2, [], 5), fetch(3, ["secret"], 0)]));
  expect((await one.gets(3)).map(isDone)).toEqual([true, false, false]);
  expect(one.broker.asked).toEqual([fetch(1, ["events"], -1)]);
  expect(one.answers[1]).toEqual(frame(i32(2), i32(0), i16(70), i32(0), list()));
  expect(one.proxy.told.map(({ verdict }) => verdict)).toEqual(["forwarded", "denied"]);
});

test("the broker's versions are limited to those whose topics are read", async () => {
  const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex");
  const answers: Readonly<Record<number, readonly [Buffer, Buffer]>> = {
    0: [
      bytes("0000 00000003 0000 0003 000d 0001 000d 0011 0012 0000 0004"),
      // Of a broker that has no older ones nothing is taken.
      bytes("0000 00000003 0000 0003 0008 0001 000d 0011 0012 0000 0004"),
    ],
    3: [
      bytes("0000 04 0000 0003 000d 00 0003 0000 000d 01 07 02 abcd 0012 0000 0004 00 00000000 00"),
      bytes("0000 04 0000 0003 0008 00 0003 0000 0008 01 07 02 abcd 0012 0000 0004 00 00000000 00"),
    ],
    4: [bytes("0023 00000001 0003 0000 000d"), bytes("0023 00000001 0003 0000 0008")],
  };
  const answerOf = (request: Buffer, of: 0 | 1): Buffer =>
    frame(request.subarray(8, 12), answers[request.readInt16BE(6)]?.[of] ?? i16(0));
  const one = await client([endRules([orders])], (request) => answerOf(request, 0));
  const asked = [0, 3, 4].map((version) => kafkaRequest(18, version, [], { correlationId: version + 10 }));
  one.socket.write(Buffer.concat(asked));
  expect(await one.gets(3)).toEqual(asked.map((request) => answerOf(request, 1)));
  one.proxy.ends = [endRules([orders], { isPlain: true })];
  one.socket.write(Buffer.concat(asked));
  expect((await one.gets(6)).slice(3)).toEqual(asked.map((request) => answerOf(request, 0)));
});

test.each([
  ["a length that none has", Buffer.from("7fffffff0000000000000001ffff", "hex")],
  ["a length below zero", Buffer.from("ffffffff0000000000000001ffff", "hex")],
  ["a frame without a header", frame(i16(0))],
  ["another protocol", Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n")],
])("%s breaks off", async (_, bytes) => {
  const one = await client([endRules([orders])]);
  one.socket.write(bytes);
  await expect.poll(() => one.end).toBe("reset");
  expect(one.broker.asked).toEqual([]);
});

test("a hand-shake that is followed by what is no request is refused", async () => {
  const one = await client([endRules([orders])]);
  one.socket.write(Buffer.concat([kafkaRequest(17, 0, [text("PLAIN")]), produce(2, ["orders"])]));
  await expect.poll(() => one.end).toBe("end");
  expect(one.broker.asked).toEqual([]);
});

test("what is no request of Kafka's ends the connection, and is told of", async () => {
  const one = await client([endRules([orders])]);
  one.socket.write("GET / HTTP/1.1\r\n\r\n");
  await expect.poll(() => one.end).toBe("reset");
  expect(one.broker.asked).toEqual([]);
  expect(one.proxy.told).toMatchObject([{ verdict: "error", content: { family: "kafka", errorCode: 42 } }]);
});

test("a broker that answers what nobody has asked is cut off", async () => {
  for (const answer of [frame(i32(99), text("x")), Buffer.concat([frame(i32(1)), frame(i32(2))]), i64(0)]) {
    const one = await client([endRules([orders])], () => answer);
    one.socket.write(produce(1, ["orders"]));
    await expect.poll(() => one.end).toBe("reset");
  }
});

test("a broker that cannot be reached breaks off the client, and is told of", async () => {
  const one = await client([endRules([orders])]);
  await one.broker[Symbol.asyncDispose]();
  scope.shift();
  one.socket.write(produce(1, ["orders"]));
  await expect.poll(() => one.end).toBe("reset");
  expect(one.proxy.told).toMatchObject([{ verdict: "error" }]);
});

test("a client that ends its side gets what it has asked for, and then the end", async () => {
  const one = await client([endRules([orders])]);
  one.socket.end(Buffer.concat([produce(1, ["orders"]), produce(2, ["secret"]), produce(3, ["orders"])]));
  await expect.poll(() => one.end).toBe("end");
  expect(numbers(one.answers)).toEqual([1, 2, 3]);
  await expect.poll(() => one.proxy.ended).toBe(1);
});

test("a large answer passes while it comes", async () => {
  const large = frame(i32(1), Buffer.alloc(5_000_000, "x"));
  const one = await client([endRules([orders])], () => large);
  let size = 0;
  one.socket.removeAllListeners("data").on("data", (chunk: Buffer) => (size += chunk.length));
  one.socket.write(produce(1, ["orders"]));
  await expect.poll(() => size).toBe(large.length);
});

test("when the proxy is to end, a connection ends between requests", async () => {
  const one = await client([endRules([orders])], () => null);
  const busy = await client([endRules([orders])], () => null);
  busy.socket.write(produce(1, ["orders"]));
  await expect.poll(() => busy.broker.asked.length).toBe(1);
  for (const { proxy } of [one, busy]) proxy.draining.abort();
  await expect.poll(() => one.end).toBe("end");
  expect(busy.end).toBe(null);
  busy.broker.clients[0]?.write(done(produce(1, [])) ?? "");
  await expect.poll(() => busy.end).toBe("end");
  expect(numbers(busy.answers)).toEqual([1]);
});

test("a client that reads no answers is not read any longer", async () => {
  const one = await client([endRules([orders])]);
  one.socket.pause();
  const denied = Buffer.concat(Array.from({ length: 1000 }, (_, i) => produce(i, ["secret"])));
  let sent = 0;
  for (let quiet = 0; quiet < 20 && sent < 400_000_000;) {
    if (one.socket.write(denied)) sent += denied.length;
    const before = one.socket.writableLength;
    await new Promise((resolve) => setTimeout(resolve, 10));
    quiet = one.socket.writableLength < before ? 0 : quiet + 1;
  }
  expect(sent).toBeLessThan(400_000_000);
  expect(one.proxy.told.length).toBeLessThan(1_000_000);
});

/** OffsetFetch, version 1, of one topic. */
function offsetFetch(topic: Buffer, partitions: Buffer): Buffer {
  return kafkaRequest(9, 1, [text("group"), i32(1), i16(topic.length), topic, partitions]);
}
const manyPartitions = Buffer.concat([i32(2_000_000), Buffer.alloc(8_000_000)]);

test.each([
  ["a topic that is no text, and longer once it is read", offsetFetch(Buffer.alloc(32_767, 0xff), list([i32(0)]))],
  ["millions of partitions", offsetFetch(Buffer.from("secret"), manyPartitions)],
])("%s: denied at little cost, and nobody else's connection ends by it", async (_, request) => {
  const [one, other] = [await client([endRules([orders])]), await client([endRules([orders])])];
  one.socket.write(request);
  await expect.poll(() => one.end).not.toBeNull();
  expect(one.proxy.told).toMatchObject([{ verdict: "denied", content: { apiKey: "offsetfetch" } }]);
  expect(one.broker.asked).toEqual([]);
  other.socket.write(produce(1, ["orders"]));
  expect((await other.gets(1)).map(isDone)).toEqual([true]);
});

test("what one client has begun to ask on many connections has a bound together, which who asks little does not feel", async () => {
  const others = await client([endRules([orders])]);
  const many = await Promise.all(Array.from({ length: 6 }, () => client([endRules([orders])])));
  const most = 15 * 1024 * 1024;
  for (const { socket } of many) socket.write(Buffer.concat([i32(most + 1), Buffer.alloc(most)]));
  await expect.poll(() => many.filter(({ end }) => end === "reset").length).toBeGreaterThan(0);
  for (const { socket } of many) socket.destroy();
  await expect.poll(() => many.every(({ proxy }) => proxy.open === 0)).toBe(true);
  others.socket.write(produce(1, ["orders"]));
  expect((await others.gets(1)).map(isDone)).toEqual([true]);
});

test("answers that wait for one of the broker's are held within the same bound", async () => {
  const one = await client([endRules([orders])], () => null);
  const partitions = list(...Array.from({ length: 90_000 }, (_, i) => [i32(i)]));
  one.socket.write(produce(1, ["orders"]));
  for (let i = 0; i < 60; i++) one.socket.write(offsetFetch(Buffer.from("secret"), partitions));
  await expect.poll(() => one.end).toBe("reset");
});
