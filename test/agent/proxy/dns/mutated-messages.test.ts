import { type Answer, type DecodedPacket, decode } from "dns-packet";
import { expect, test } from "vitest";
import { answersQuery, readAnswer } from "#agent/proxy/dns/answer.ts";
import { readQuery } from "#agent/proxy/dns/message.ts";
import { readName } from "#agent/proxy/dns/name.ts";
import { answerBytes, queryBytes, queryOf } from "#test/support/dns-message.ts";
import { Random } from "#test/support/random.ts";
import { sized } from "#test/support/size.ts";

const asked = "www.example.com";
const query = queryOf(queryBytes(asked));
const messages = sized({ short: 20_000, long: 1_000_000 });

const chain: Answer[] = [
  { type: "CNAME", name: asked, data: "a.cdn.test", ttl: 60 },
  { type: "A", name: "a.cdn.test", data: "192.0.2.1", ttl: 60 },
  { type: "AAAA", name: "a.cdn.test", data: "2001:db8::1", ttl: 60 },
  { type: "TXT", name: "a.cdn.test", data: "text", ttl: 60 },
];
/** As servers write it: names by pointers to names before them. */
const compressed = Buffer.concat([
  queryBytes(asked),
  Buffer.from("c00c000500010000003c00060363646ec010c02d000100010000003c0004c0000201", "hex"),
]);
compressed.writeUInt16BE(0x8180, 2);
compressed.writeUInt16BE(2, 6);

/** Some bytes of it changed, left out, put in or repeated. */
function mutate(random: Random, seed: Buffer): Buffer {
  let bytes = Buffer.from(seed);
  for (let i = random.integer(1, 4); i > 0; i--) {
    const at = random.integer(0, bytes.length - 1);
    const piece = bytes.subarray(at, at + random.integer(1, 20));
    if (random.chance(0.7)) bytes[at] = random.pick([0, 1, 0x3f, 0xc0, 0xff, random.integer(0, 255)]);
    else if (random.chance(0.5)) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + piece.length)]);
    else bytes = Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
    if (bytes.length === 0) bytes = Buffer.from([0]);
  }
  return bytes;
}

/** Another reader's word, where it has one. */
function decoded(bytes: Buffer): DecodedPacket | null {
  try {
    return decode(bytes);
  } catch {
    return null;
  }
}

test("of a query with any bytes, the name that is judged is the one that others read", () => {
  const random = new Random(1);
  const seeds = [queryBytes(asked), queryBytes(asked, "AAAA", true)];
  let compared = 0;
  for (let i = 0; i < messages; i++) {
    const bytes = mutate(random, random.pick(seeds));
    const read = readQuery(bytes);
    const other = read?.ok ? decoded(bytes) : null;
    if (!read?.ok || !other || read.query.name.includes("\\")) continue;
    compared++;
    expect(other.questions?.map(({ name }) => name.toLowerCase())).toEqual([read.query.name || "."]);
  }
  expect(compared).toBeGreaterThan(messages / 20);
});

test("of an answer with any bytes, no address is read that others do not read there", () => {
  const random = new Random(2);
  const seeds = [answerBytes(asked, chain), compressed];
  let compared = 0;
  for (let i = 0; i < messages; i++) {
    const bytes = mutate(random, random.pick(seeds));
    const answer = answersQuery(bytes, query) ? readAnswer(bytes, query) : null;
    const other = answer && decoded(bytes);
    if (!other) continue;
    compared++;
    const addresses = (other.answers ?? []).flatMap((one) => (one.type === "A" ? [one.data] : []));
    expect(addresses).toEqual(expect.arrayContaining(answer.addresses.map(({ address }) => address)));
  }
  expect(compared).toBeGreaterThan(messages / 20);
});

test("the compressed answer is read as it is meant", () => {
  expect(readAnswer(compressed, query)).toMatchObject({
    aliases: ["cdn.example.com"],
    addresses: [{ address: "192.0.2.1", ttl: 60 }],
  });
});

test("a name of very many pointers, each to the one before, is none", () => {
  const bytes = Buffer.alloc(12 + 2 * 1000);
  for (let at = 14; at < bytes.length; at += 2) bytes.writeUInt16BE(0xc000 | (at - 2), at);
  expect(readName(bytes, 12 + 2 * 126)).toBe("");
  expect(readName(bytes, 12 + 2 * 127)).toBeNull();
});
