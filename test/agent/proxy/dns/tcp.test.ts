import { decode } from "dns-packet";
import { describe, expect, test } from "vitest";
import { frame } from "#agent/proxy/dns/framing.ts";
import { DnsConnectionLab, type DnsStream } from "#test/support/dns-connection.ts";
import { answerBytes, queryBytes, someId } from "#test/support/dns-message.ts";
import { dnsRules, plainRules } from "#test/support/dns-rules.ts";

/** The server's answer to what the proxy has sent it, under the transaction id that it has given. */
function answerTo(query: Buffer | null, name: string, address = "192.0.2.1"): Buffer {
  const answer = answerBytes(name, [{ type: "A", name, data: address, ttl: 60 }]);
  query?.copy(answer, 0, 0, 2);
  return answer;
}

async function nextDecoded(stream: DnsStream) {
  const message = await stream.next();
  if (!message) expect.unreachable("the connection has ended");
  return decode(message);
}

function queryWithId(name: string, id: number): Buffer {
  const query = queryBytes(name);
  query.writeUInt16BE(id, 0);
  return query;
}

test("several queries in one connection are answered in the order in which the server answers", async () => {
  await using lab = await DnsConnectionLab.start(dnsRules("*.test"));
  const client = await lab.client();
  const called = lab.server();
  client.socket.write(Buffer.concat([frame(queryWithId("a.test", 1)), frame(queryWithId("b.test", 1))]));
  const server = await called;
  const first = await server.next();
  const second = await server.next();
  server.send(answerTo(second, "b.test", "192.0.2.2"));
  server.send(answerTo(first, "a.test"));
  expect(await nextDecoded(client)).toMatchObject({ id: 1, answers: [{ data: "192.0.2.2" }] });
  expect(await nextDecoded(client)).toMatchObject({ id: 1, answers: [{ data: "192.0.2.1" }] });
  expect(lab.calls).toBe(1);
});

test("messages in pieces of one byte, both ways, are the same", async () => {
  await using lab = await DnsConnectionLab.start(dnsRules("a.test"));
  const client = await lab.client();
  client.socket.setNoDelay(true);
  const called = lab.server();
  for (const byte of frame(queryBytes("a.test"))) client.socket.write(Buffer.of(byte));
  const server = await called;
  server.socket.setNoDelay(true);
  const query = await server.next();
  expect(query?.subarray(2)).toEqual(queryBytes("a.test").subarray(2));
  for (const byte of frame(answerTo(query, "a.test"))) server.socket.write(Buffer.of(byte));
  expect(await nextDecoded(client)).toMatchObject({ id: someId, answers: [{ data: "192.0.2.1" }] });
});

test("a name that no rule means is refused, and the connection goes on; the server learns nothing of it", async () => {
  await using lab = await DnsConnectionLab.start(dnsRules("a.test"));
  const client = await lab.client();
  client.send(queryBytes("b.test"));
  expect(await nextDecoded(client)).toMatchObject({ rcode: "REFUSED", questions: [{ name: "b.test" }] });
  expect(lab.calls).toBe(0);
  expect(lab.records).toMatchObject([{ kind: "request", verdict: "denied", deniedBy: "source", rules: [] }]);
  const called = lab.server();
  client.send(queryBytes("a.test"));
  expect(await (await called).next()).not.toBeNull();
});

test("rules that change apply to the next query of an open connection", async () => {
  await using lab = await DnsConnectionLab.start(dnsRules("a.test"));
  const client = await lab.client();
  lab.rules = dnsRules("b.test");
  client.send(queryBytes("a.test"));
  expect(await nextDecoded(client)).toMatchObject({ rcode: "REFUSED" });
  lab.rules = null;
  client.send(queryBytes("b.test"));
  expect(await client.next()).toBeNull();
  await expect.poll(() => lab.serving).toBe(0);
});

test("an answer leaves when its addresses are admitted, and others meanwhile", async () => {
  await using lab = await DnsConnectionLab.start(dnsRules("*.test"));
  const client = await lab.client();
  const called = lab.server();
  client.send(queryWithId("a.test", 1));
  client.send(queryWithId("b.test", 2));
  const server = await called;
  lab.isHolding = true;
  server.send(answerTo(await server.next(), "a.test"));
  await expect.poll(() => lab.admissions.length).toBe(1);
  lab.isHolding = false;
  server.send(answerTo(await server.next(), "b.test"));
  expect(await nextDecoded(client)).toMatchObject({ id: 2 });
  lab.admissions[0]?.admit("admitted");
  expect(await nextDecoded(client)).toMatchObject({ id: 1 });
  expect(lab.admissions[0]?.answer).toEqual({
    name: "a.test",
    addresses: [{ address: "192.0.2.1", ttl: 60 }],
    endpoint: 7,
  });
});

describe("what the server sends that answers nothing", () => {
  test("is not passed on: another id, another question, an answer a second time", async () => {
    await using lab = await DnsConnectionLab.start(dnsRules("*.test"));
    const client = await lab.client();
    const called = lab.server();
    client.send(queryBytes("a.test"));
    const server = await called;
    const query = (await server.next()) ?? Buffer.alloc(2);
    const otherId = Buffer.from(query);
    otherId.writeUInt16BE(query.readUInt16BE(0) ^ 1, 0);
    server.send(answerTo(otherId, "a.test", "192.0.2.9"));
    server.send(answerTo(query, "b.test", "192.0.2.9"));
    server.send(answerTo(query, "a.test"));
    server.send(answerTo(query, "a.test", "192.0.2.9"));
    expect(await nextDecoded(client)).toMatchObject({ answers: [{ data: "192.0.2.1" }] });
    client.socket.end();
    expect(await client.next()).toBeNull();
  });

  test("too often, ends the connection", async () => {
    await using lab = await DnsConnectionLab.start(dnsRules("*.test"));
    const client = await lab.client();
    const called = lab.server();
    client.send(queryBytes("a.test"));
    const server = await called;
    const query = await server.next();
    for (let i = 0; i < 64; i++) server.send(answerTo(query, "b.test"));
    expect(await client.next()).toBeNull();
  });
});

test("a server that cannot be called is told of as a failure, and called again for the next query", async () => {
  await using lab = await DnsConnectionLab.start(dnsRules("a.test"));
  lab.isRefusing = true;
  const client = await lab.client();
  client.send(queryBytes("a.test"));
  expect(await nextDecoded(client)).toMatchObject({ rcode: "SERVFAIL", id: someId });
  lab.isRefusing = false;
  const called = lab.server();
  client.send(queryBytes("a.test"));
  const server = await called;
  server.send(answerTo(await server.next(), "a.test"));
  expect(await nextDecoded(client)).toMatchObject({ rcode: "NOERROR" });
});

test("an answer that cannot be read is a failure of the server", async () => {
  await using lab = await DnsConnectionLab.start(dnsRules("a.test"));
  const client = await lab.client();
  const called = lab.server();
  client.send(queryBytes("a.test"));
  const server = await called;
  const answer = answerTo(await server.next(), "a.test");
  server.send(answer.subarray(0, answer.length - 1));
  expect(await nextDecoded(client)).toMatchObject({ rcode: "SERVFAIL", questions: [{ name: "a.test" }] });
});

describe("the connection ends", () => {
  test("after the outstanding answers, when the client has sent its last query", async () => {
    await using lab = await DnsConnectionLab.start(dnsRules("a.test"));
    const client = await lab.client();
    const called = lab.server();
    client.socket.end(frame(queryBytes("a.test")));
    const server = await called;
    server.send(answerTo(await server.next(), "a.test"));
    expect(await nextDecoded(client)).toMatchObject({ rcode: "NOERROR" });
    expect(await client.next()).toBeNull();
    expect(await server.next()).toBeNull();
    await expect.poll(() => lab.serving).toBe(0);
  });

  test("when the server ends it, after what it has answered", async () => {
    await using lab = await DnsConnectionLab.start(dnsRules("a.test"));
    lab.isHolding = true;
    const client = await lab.client();
    const called = lab.server();
    client.send(queryBytes("a.test"));
    const server = await called;
    server.socket.end(frame(answerTo(await server.next(), "a.test")));
    await expect.poll(() => lab.admissions.length).toBe(1);
    lab.admissions[0]?.admit("admitted");
    expect(await nextDecoded(client)).toMatchObject({ rcode: "NOERROR" });
    expect(await client.next()).toBeNull();
  });

  test("when the proxy drains and nothing is asked", async () => {
    await using lab = await DnsConnectionLab.start(dnsRules("a.test"));
    const client = await lab.client();
    const called = lab.server();
    client.send(queryBytes("a.test"));
    const server = await called;
    const query = await server.next();
    lab.drain();
    server.send(answerTo(query, "a.test"));
    expect(await nextDecoded(client)).toMatchObject({ rcode: "NOERROR" });
    expect(await client.next()).toBeNull();
  });

  test("when a query is begun and not completed in time", async () => {
    await using lab = await DnsConnectionLab.start(dnsRules("a.test"));
    Object.assign(lab.limits, { headTimeout: 50 });
    const client = await lab.client();
    client.socket.write(frame(queryBytes("a.test")).subarray(0, 5));
    expect(await client.next()).toBeNull();
  });

  test("when something comes that is no query", async () => {
    await using lab = await DnsConnectionLab.start(dnsRules("*"));
    const client = await lab.client();
    client.send(answerBytes("a.test", []));
    expect(await client.next()).toBeNull();
  });
});

test("of many queries at once only so many are under way, and all are answered", async () => {
  await using lab = await DnsConnectionLab.start(dnsRules("a.test"));
  const client = await lab.client();
  const called = lab.server();
  client.socket.write(Buffer.concat(Array.from({ length: 200 }, (_, id) => frame(queryWithId("a.test", id)))));
  const server = await called;
  const first: (Buffer | null)[] = [];
  while (first.length < 64) first.push(await server.next());
  expect(lab.records).toHaveLength(64);
  for (const query of first) server.send(answerTo(query, "a.test"));
  for (let i = 64; i < 200; i++) server.send(answerTo(await server.next(), "a.test"));
  const ids = new Set<number>();
  for (let i = 0; i < 200; i++) ids.add((await nextDecoded(client)).id ?? -1);
  expect(ids.size).toBe(200);
});

test("where a rule without names allows all, other operations pass, too", async () => {
  await using lab = await DnsConnectionLab.start(plainRules());
  const client = await lab.client();
  const called = lab.server();
  const update = queryBytes("a.test");
  update.writeUInt16BE(5 << 11, 2);
  client.send(update);
  const server = await called;
  const seen = (await server.next()) ?? Buffer.alloc(0);
  expect(seen.subarray(2)).toEqual(update.subarray(2));
  const answer = Buffer.from(seen);
  answer.writeUInt16BE((5 << 11) | 0x8000, 2);
  server.send(answer);
  expect((await client.next())?.subarray(2)).toEqual(answer.subarray(2));
});
