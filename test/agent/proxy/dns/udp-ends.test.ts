import { decode } from "dns-packet";
import { beforeEach, expect, test } from "vitest";
import { DatagramSocket, type ReceivedDatagram } from "#test/support/datagram-socket.ts";
import { clientAddress, DnsLab, resolverAddress } from "#test/support/dns-lab.ts";
import { answerBytes, queryBytes } from "#test/support/dns-message.ts";
import { dnsRules } from "#test/support/dns-rules.ts";
import { needs } from "#test/support/requirement.ts";

beforeEach(needs("root", "namespaces"));

/** An answer to what the resolver has received. */
function answerTo({ bytes }: ReceivedDatagram, name: string): Buffer {
  const answer = answerBytes(name, [{ type: "A", name, data: "192.0.2.1" }]);
  bytes.copy(answer, 0, 0, 2);
  return answer;
}

const resolver = { address: resolverAddress[4], port: 53 };

test("an answer that comes late is not passed on, and a query that gets none is counted", async () => {
  await using lab = await DnsLab.start(100);
  await lab.setRules(dnsRules("*.test"));
  using client = DatagramSocket.open(lab.client, clientAddress[4]);
  using server = DatagramSocket.open(lab.resolver, resolver.address, resolver.port);
  client.send(queryBytes("late.test"), resolver);
  const late = await server.next();
  await expect.poll(async () => (await lab.counts()).unanswered).toBe(1);
  server.send(answerTo(late, "late.test"), late.from);
  // By the same way behind it.
  client.send(queryBytes("next.test"), resolver);
  const next = await server.next();
  server.send(answerTo(next, "next.test"), next.from);
  expect(decode((await client.next()).bytes).questions).toMatchObject([{ name: "next.test" }]);
  expect(client.waiting).toBe(0);
  expect((await lab.counts()).open).toBe(0);
});

test("a proxy that drains takes nothing new, and answers what is under way", async () => {
  await using lab = await DnsLab.start();
  await lab.setRules(dnsRules("*.test"));
  using client = DatagramSocket.open(lab.client, clientAddress[4]);
  using server = DatagramSocket.open(lab.resolver, resolver.address, resolver.port);
  client.send(queryBytes("a.test"), resolver);
  const asked = await server.next();
  lab.drain();
  expect((await lab.counts()).open).toBe(1);
  client.send(queryBytes("new.test"), resolver);
  server.send(answerTo(asked, "a.test"), asked.from);
  expect(decode((await client.next()).bytes).questions).toMatchObject([{ name: "a.test" }]);
  await lab.next("drained");
  expect([server.waiting, (await lab.counts()).accepted]).toEqual([0, 1]);
});
