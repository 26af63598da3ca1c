import { type Answer, decode } from "dns-packet";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { DatagramSocket, type Party, type ReceivedDatagram } from "#test/support/datagram-socket.ts";
import { clientAddress, DnsLab, resolverAddress } from "#test/support/dns-lab.ts";
import { answerBytes, queryBytes, someId } from "#test/support/dns-message.ts";
import { askingEndpoint, dnsRules, plainRules } from "#test/support/dns-rules.ts";
import { needs, unmet } from "#test/support/requirement.ts";

beforeEach(needs("root", "namespaces"));

let lab: DnsLab;
beforeAll(async () => {
  if (unmet("root", "namespaces") === undefined) lab = await DnsLab.start();
});
afterAll(() => lab?.[Symbol.asyncDispose]());
beforeEach(async () => {
  await lab.holdNames(false);
  await lab.setRules(dnsRules("*.test"));
  lab.forget();
});

const resolver: Party = { address: resolverAddress[4], port: 53 };

function addressOf(name: string, data = "192.0.2.1"): Answer {
  return { type: "A", name, data, ttl: 60 };
}

/** An answer to what the resolver has received. */
function answerTo({ bytes }: ReceivedDatagram, name: string, data?: string): Buffer {
  const answer = answerBytes(name, [addressOf(name, data)]);
  bytes.copy(answer, 0, 0, 2);
  return answer;
}

function openBoth(family: 4 | 6 = 4) {
  const sockets = new DisposableStack();
  const client = sockets.use(DatagramSocket.open(lab.client, clientAddress[family]));
  const server = sockets.use(DatagramSocket.open(lab.resolver, resolverAddress[family], 53));
  return { client, server, [Symbol.dispose]: () => sockets.dispose() };
}

describe.each([4, 6] as const)("over IPv%i", (family) => {
  test("the resolver sees the client's address, port and bytes, under another id, and the client the resolver's", async () => {
    using both = openBoth(family);
    const query = queryBytes("Www.test", "A", true);
    both.client.send(query, { address: resolverAddress[family], port: 53 });
    const seen = await both.server.next();
    expect(seen.from).toEqual({ address: clientAddress[family], port: both.client.port });
    expect(seen.bytes.subarray(2)).toEqual(query.subarray(2));
    const answer = answerTo(seen, "Www.test");
    both.server.send(answer, seen.from);
    const got = await both.client.next();
    expect(got.from).toEqual({ address: resolverAddress[family], port: 53 });
    expect(got.bytes.readUInt16BE(0)).toBe(someId);
    expect(got.bytes.subarray(2)).toEqual(answer.subarray(2));
  });

  test("an answer that the client's link does not take whole comes in fragments", async () => {
    using both = openBoth(family);
    both.client.send(queryBytes("a.test", "TXT"), { address: resolverAddress[family], port: 53 });
    const seen = await both.server.next();
    const data = Array.from({ length: 20 }, () => "x".repeat(200));
    const answer = answerBytes("a.test", [{ type: "TXT", name: "a.test", data }], "TXT");
    seen.bytes.copy(answer, 0, 0, 2);
    both.server.send(answer, seen.from);
    expect((await both.client.next()).bytes.subarray(2)).toEqual(answer.subarray(2));
  });
});

test("a name that no rule means is refused, and the resolver learns nothing of it", async () => {
  using both = openBoth();
  both.client.send(queryBytes("other.example", "A", true), resolver);
  const { bytes, from } = await both.client.next();
  expect(from).toEqual(resolver);
  expect(decode(bytes)).toMatchObject({
    id: someId,
    rcode: "REFUSED",
    questions: [{ name: "other.example" }],
    additionals: [{ type: "OPT" }],
  });
  both.client.send(queryBytes("a.test"), resolver);
  expect((await both.server.next()).bytes.subarray(2)).toEqual(queryBytes("a.test").subarray(2));
  expect((await lab.next("record")).record).toMatchObject({
    kind: "request",
    verdict: "denied",
    rules: [],
    deniedBy: "source",
    content: { family: "dns", query: "other.example.", qtypes: ["A"], rcode: 5 },
  });
});

test("an operator may have them told that there is no such name", async () => {
  await lab.deny("nxdomain");
  using both = openBoth();
  both.client.send(queryBytes("other.example"), resolver);
  expect(decode((await both.client.next()).bytes)).toMatchObject({ rcode: "NXDOMAIN", answers: [] });
  await lab.deny("refused");
});

test("query and answer are told of", async () => {
  using both = openBoth();
  both.client.send(queryBytes("a.test"), resolver);
  const seen = await both.server.next();
  const chain: Answer[] = [{ type: "CNAME", name: "a.test", data: "b.test", ttl: 30 }, addressOf("b.test")];
  const answer = answerBytes("a.test", chain);
  seen.bytes.copy(answer, 0, 0, 2);
  both.server.send(answer, seen.from);
  await both.client.next();
  const tuple = {
    protocol: "UDP",
    sourceAddress: clientAddress[4],
    sourcePort: both.client.port,
    destinationAddress: resolverAddress[4],
    destinationPort: 53,
  };
  expect((await lab.next("record")).record).toMatchObject({
    tuple,
    kind: "request",
    verdict: "forwarded",
    latency: null,
    rules: [{ name: "t" }],
    source: { endpoint: askingEndpoint },
    content: { query: "a.test.", qtypes: ["A"], rcode: 0, ips: [] },
  });
  expect((await lab.next("record")).record).toMatchObject({
    tuple,
    kind: "response",
    verdict: "forwarded",
    latency: expect.any(Number) as unknown,
    content: { query: "a.test.", rcode: 0, ips: ["192.0.2.1"], cnames: ["b.test."], ttl: 30 },
  });
});

describe("an answer", () => {
  test.each(["admitted", "refused"] as const)("is held until its addresses are %s", async (admission) => {
    await lab.holdNames(true);
    using both = openBoth();
    both.client.send(queryBytes("a.test"), resolver);
    const seen = await both.server.next();
    both.server.send(answerTo(seen, "a.test"), seen.from);
    expect((await lab.next("asked")).answer).toEqual({
      name: "a.test",
      addresses: [{ address: "192.0.2.1", ttl: 60 }],
      endpoint: askingEndpoint,
    });
    // Another query's answer comes by meanwhile: so the first has not.
    await lab.holdNames(false);
    both.client.send(queryBytes("b.test"), resolver);
    const second = await both.server.next();
    both.server.send(answerTo(second, "b.test"), second.from);
    expect(decode((await both.client.next()).bytes).questions).toMatchObject([{ name: "b.test" }]);
    lab.admit(admission);
    expect(decode((await both.client.next()).bytes).questions).toMatchObject([{ name: "a.test" }]);
  });

  test("without addresses has nothing to be admitted", async () => {
    await lab.holdNames(true);
    using both = openBoth();
    both.client.send(queryBytes("a.test", "TXT"), resolver);
    const seen = await both.server.next();
    const answer = answerBytes("a.test", [addressOf("a.test")], "TXT");
    seen.bytes.copy(answer, 0, 0, 2);
    both.server.send(answer, seen.from);
    expect(decode((await both.client.next()).bytes).answers).toHaveLength(1);
  });

  test("that is cut off by its size comes without its half, so that the client asks again by TCP", async () => {
    using both = openBoth();
    both.client.send(queryBytes("a.test"), resolver);
    const seen = await both.server.next();
    const answer = answerTo(seen, "a.test");
    answer.writeUInt16BE(answer.readUInt16BE(2) | 0x0200, 2);
    both.server.send(answer.subarray(0, answer.length - 2), seen.from);
    expect(decode((await both.client.next()).bytes)).toMatchObject({ flag_tc: true, rcode: "NOERROR", answers: [] });
  });

  test("that cannot be read is a failure of the resolver", async () => {
    using both = openBoth();
    both.client.send(queryBytes("a.test"), resolver);
    const seen = await both.server.next();
    both.server.send(answerTo(seen, "a.test").subarray(0, 40), seen.from);
    expect(decode((await both.client.next()).bytes)).toMatchObject({ rcode: "SERVFAIL" });
  });
});

describe("what is no answer is not passed on", () => {
  test("from another address or port, with another id, to another question, a second time", async () => {
    using both = openBoth();
    lab.resolver.run("ip", "address", "replace", "10.98.0.3/24", "dev", "eth0");
    using otherAddress = DatagramSocket.open(lab.resolver, "10.98.0.3", 53);
    using otherPort = DatagramSocket.open(lab.resolver, resolverAddress[4], 5353);
    both.client.send(queryBytes("a.test"), resolver);
    const seen = await both.server.next();
    const forged = answerTo(seen, "a.test", "192.0.2.66");
    otherAddress.send(forged, seen.from);
    otherPort.send(forged, seen.from);
    const otherId = Buffer.from(forged);
    otherId.writeUInt16BE(forged.readUInt16BE(0) ^ 0x5555, 0);
    both.server.send(otherId, seen.from);
    both.server.send(answerTo(seen, "b.test", "192.0.2.66"), seen.from);
    const first = answerTo(seen, "a.test");
    both.server.send(first, seen.from);
    both.server.send(forged, seen.from);
    expect(decode((await both.client.next()).bytes).answers).toMatchObject([{ data: "192.0.2.1" }]);
    // What comes after the client's next answer would have come before it.
    both.client.send(queryBytes("c.test"), resolver);
    const next = await both.server.next();
    both.server.send(answerTo(next, "c.test"), next.from);
    expect(decode((await both.client.next()).bytes).questions).toMatchObject([{ name: "c.test" }]);
    expect(both.client.waiting).toBe(0);
    expect((await lab.counts()).foreign).toBeGreaterThan(0);
  });

  test("and after many guesses nothing is taken any more", async () => {
    using both = openBoth();
    both.client.send(queryBytes("a.test"), resolver);
    const seen = await both.server.next();
    const id = seen.bytes.readUInt16BE(0);
    for (let i = 1; i <= 64; i++) {
      seen.bytes.writeUInt16BE((id + i) & 0xffff, 0);
      both.server.send(answerTo(seen, "a.test", "192.0.2.66"), seen.from);
    }
    expect(decode((await both.client.next()).bytes)).toMatchObject({ rcode: "SERVFAIL", id: someId });
  });
});

test("transaction ids that the resolver sees do not follow from one another", async () => {
  using both = openBoth();
  const ids = new Set<number>();
  for (let i = 0; i < 50; i++) {
    both.client.send(queryBytes("a.test"), resolver);
    ids.add((await both.server.next()).bytes.readUInt16BE(0));
  }
  const sorted = [...ids].sort((a, b) => a - b);
  expect(sorted.length).toBeGreaterThan(45);
  expect((sorted.at(-1) ?? 0) - (sorted[0] ?? 0)).toBeGreaterThan(0x8000);
});

describe("a query that leads nowhere", () => {
  test("because nobody serves DNS there is a failure of the resolver", async () => {
    using client = DatagramSocket.open(lab.client, clientAddress[4]);
    client.send(queryBytes("a.test"), resolver);
    expect(decode((await client.next()).bytes)).toMatchObject({ rcode: "SERVFAIL", id: someId });
  });

  test("because it is malformed is told so", async () => {
    using client = DatagramSocket.open(lab.client, clientAddress[4]);
    const looped = queryBytes("a.test");
    looped.writeUInt16BE(0xc00c, 12);
    client.send(looped, resolver);
    expect(decode((await client.next()).bytes)).toMatchObject({ rcode: "FORMERR", id: someId });
    expect((await lab.next("record")).record).toMatchObject({ verdict: "error", content: { query: "", rcode: 1 } });
  });

  test("because policy lets nothing of the connection pass gets no answer", async () => {
    using both = openBoth();
    await lab.setRules(null);
    both.client.send(queryBytes("a.test"), resolver);
    await expect.poll(async () => (await lab.counts()).unknown).toBe(1);
    await lab.setRules(dnsRules("b.test"));
    both.client.send(queryBytes("b.test"), resolver);
    const { bytes } = await both.server.next();
    expect(decode(bytes).questions).toMatchObject([{ name: "b.test" }]);
  });

  test("because its client asks too much at once is a failure, and others are served", async () => {
    using both = openBoth();
    lab.client.run("ip", "address", "replace", "10.97.0.3/24", "dev", "eth0");
    using greedy = DatagramSocket.open(lab.client, "10.97.0.3");
    for (let i = 0; i < 257; i++) greedy.send(queryBytes(`n${i}.test`), resolver);
    expect(decode((await greedy.next()).bytes)).toMatchObject({ rcode: "SERVFAIL" });
    both.client.send(queryBytes("other.test"), resolver);
    let seen = await both.server.next();
    while (seen.from.address !== clientAddress[4]) seen = await both.server.next();
    both.server.send(answerTo(seen, "other.test"), seen.from);
    expect(decode((await both.client.next()).bytes)).toMatchObject({ rcode: "NOERROR" });
  });
});

test("where a rule without names allows all, what is no plain query passes, too", async () => {
  await lab.setRules(plainRules());
  using both = openBoth();
  const update = queryBytes("a.test");
  update.writeUInt16BE(5 << 11, 2);
  both.client.send(update, resolver);
  const seen = await both.server.next();
  expect(seen.bytes.subarray(2)).toEqual(update.subarray(2));
  const answer = Buffer.from(seen.bytes);
  answer.writeUInt16BE((5 << 11) | 0x8000, 2);
  both.server.send(answer, seen.from);
  expect((await both.client.next()).bytes.subarray(2)).toEqual(answer.subarray(2));
});
