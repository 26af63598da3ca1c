import { expect, test } from "vitest";
import { type HelloReading, HelloReader, LONGEST_HELLO } from "#agent/proxy/tls/hello-reader.ts";
import { clientHello, message, records } from "#test/support/client-hello.ts";
import { Random } from "#test/support/random.ts";
import { sized } from "#test/support/size.ts";

const name = (text: string): Buffer => records(clientHello({ serverName: text }));
const longLabel = "a".repeat(64);
const longName = `${"a.".repeat(126)}ab`;
const good = clientHello({ serverName: "a.test" });
/** An SSLv2 hello that offers TLS 1.0 (RFC 5246, appendix E.2). */
const sslv2 = Buffer.from("802e0103010015000000100000160300000a000005000004", "hex");

const cases: Readonly<Record<string, readonly [Buffer, string]>> = {
  "two names": [
    records(
      clientHello({
        names: [
          [0, "a.test"],
          [0, "b.test"],
        ],
      }),
    ),
    "asks for several names",
  ],
  "a name of another type": [records(clientHello({ names: [[1, "a.test"]] })), "asks for a name that is no host's"],
  "a name of another type before it": [
    records(
      clientHello({
        names: [
          [1, "x"],
          [0, "a.test"],
        ],
      }),
    ),
    "asks for a name that is no host's",
  ],
  "two extensions with names": [
    records(clientHello({ serverName: "a.test", extensions: [[0, Buffer.from("0009000006622e74657374", "hex")]] })),
    "has the extension 0 twice",
  ],
  "any extension twice": [
    records(
      clientHello({
        serverName: "a.test",
        extensions: [
          [43, Buffer.alloc(3)],
          [43, Buffer.alloc(3)],
        ],
      }),
    ),
    "has the extension 43 twice",
  ],
  "an empty list of names": [
    records(clientHello({ extensions: [[0, Buffer.from([0, 0])]] })),
    "is shorter than it says",
  ],
  "an empty extension for names": [
    records(clientHello({ extensions: [[0, Buffer.alloc(0)]] })),
    "is shorter than it says",
  ],
  "bytes behind the list of names": [
    records(clientHello({ extensions: [[0, Buffer.from("000900000661 2e7465737400".replace(" ", ""), "hex")]] })),
    "is longer than it says",
  ],
  "NUL in the name": [name("a.test\0.evil"), "asks for what is no DNS name"],
  "a blank in the name": [name("a test"), "asks for what is no DNS name"],
  "a byte above 127": [name("b\xfccher.test"), "asks for what is no DNS name"],
  "an empty name": [name(""), "asks for what is no DNS name"],
  "an empty label": [name("a..test"), "asks for what is no DNS name"],
  "a dot alone": [name("."), "asks for what is no DNS name"],
  "a label that is too long": [name(`${longLabel}.test`), "asks for what is no DNS name"],
  "a name that is too long": [name(longName), "asks for what is no DNS name"],
  "an address of IPv6": [name("2001:db8::1"), "asks for what is no DNS name"],
  "a session that is too long": [
    records(clientHello({ sessionId: Buffer.alloc(33) })),
    "has a session that is too long",
  ],
  "a message behind the hello": [
    records(Buffer.concat([good, message(1, Buffer.alloc(4))])),
    "has something behind it",
  ],
  "a second hello in the same record": [
    records(Buffer.concat([good, clientHello({ serverName: "b.test" })])),
    "has something behind it",
  ],
  "a record that goes on behind the hello": [
    records(Buffer.concat([good, Buffer.alloc(10)])).subarray(0, 5 + good.length),
    "has something behind it",
  ],
  "a record without content": [Buffer.from([22, 3, 1, 0, 0]), "has a record of a wrong size"],
  "a record that is too long": [Buffer.from([22, 3, 1, 0x40, 1, 1]), "has a record of a wrong size"],
  "an alert between two parts of it": [
    Buffer.concat([records(good.subarray(0, 9)), records(Buffer.from([1, 0]), 2, 21), records(good.subarray(9))]),
    "does not begin with a handshake of TLS",
  ],
  "another message": [records(message(2, Buffer.alloc(40))), "does not begin with a hello"],
  "another protocol": [Buffer.from("\x16GET / HTTP/1.1\r\n\r\n"), "does not begin with a handshake of TLS"],
  "version 2 of SSL": [sslv2, "does not begin with a handshake of TLS"],
  "a length that nothing has": [records(Buffer.from([1, 0xff, 0xff, 0xff, 3, 3])), "is too long"],
  "a hello that does not end": [records(message(1, Buffer.alloc(LONGEST_HELLO - 4)), 16_000), "is too long"],
  "a hello in too many records": [records(clientHello({ extensions: [[9, Buffer.alloc(3000)]] }), 1), "is too long"],
};

test.each(Object.entries(cases))("%s", (_, [bytes, fault]) => {
  expect(new HelloReader().read(bytes)).toEqual({ state: "unreadable", fault });
  expect(byteByByte(bytes)).toEqual({ state: "unreadable", fault });
});

function byteByByte(bytes: Buffer): HelloReading {
  const reader = new HelloReader();
  for (let at = 0; at < bytes.length; at++) {
    const reading = reader.read(bytes.subarray(at, at + 1));
    if (reading.state !== "more") return reading;
  }
  return { state: "more" };
}

test("a hello with wrong bytes is read as nothing else, however it is cut, and never throws", () => {
  const random = new Random(0x7e15);
  const base = records(clientHello({ serverName: "a.example", extensions: [[43, Buffer.from([2, 3, 4])]] }), 40);
  for (let i = 0; i < sized({ short: 3000, long: 300_000 }); i++) {
    const bytes = Buffer.from(base);
    for (let n = random.integer(0, 3); n >= 0; n--) bytes[random.integer(0, bytes.length - 1)] = random.integer(0, 255);
    const [whole, single] = [new HelloReader().read(bytes), byteByByte(bytes)];
    const { end: _, ...rest } = "end" in whole ? whole : { ...whole, end: 0 };
    expect(single).toMatchObject(rest);
    if (whole.state === "read") expect(whole.hello.serverName ?? "a").toMatch(/^[-a-z0-9_.]+$/i);
  }
});
