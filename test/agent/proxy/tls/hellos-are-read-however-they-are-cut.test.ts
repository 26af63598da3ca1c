import { expect, test } from "vitest";
import { type HelloReading, HelloReader } from "#agent/proxy/tls/hello-reader.ts";
import { clientHello, records } from "#test/support/client-hello.ts";

const hello = clientHello({ serverName: "Shop.Example.COM", extensions: [[0xff01, Buffer.alloc(700)]] });

function readAll(bytes: Buffer, size: number): HelloReading {
  const reader = new HelloReader();
  for (let at = 0; at < bytes.length; at += size) {
    const reading = reader.read(bytes.subarray(at, at + size));
    if (reading.state !== "more") return reading;
  }
  return { state: "more" };
}

test.each([1, 2, 5, 7, 300, 16_384])("in records of %s bytes, in segments of any size", (recordSize) => {
  const bytes = records(hello, recordSize);
  for (const segment of [1, 2, 3, 5, 6, 64, 4096, 65_536]) {
    const end = bytes.length % segment || Math.min(segment, bytes.length);
    expect(readAll(bytes, segment)).toEqual({ state: "read", hello: { serverName: "Shop.Example.COM" }, end });
  }
});

test("what stands behind the hello's last record is not touched", () => {
  const [early, bytes] = [records(Buffer.from("early"), 100, 23), records(hello)];
  expect(readAll(Buffer.concat([bytes, early]), 65_536)).toMatchObject({ state: "read", end: bytes.length });
});

test("a beginning of it asks for more", () => {
  const bytes = records(hello, 100);
  for (let size = 0; size < bytes.length; size++) {
    expect(new HelloReader().read(bytes.subarray(0, size)).state).toBe("more");
  }
});

test("a hello without extensions or without a name asks for none", () => {
  expect(readAll(records(clientHello({})), 9)).toMatchObject({ hello: { serverName: null } });
  const bare = clientHello({});
  const without = Buffer.concat([bare.subarray(0, 3), Buffer.from([bare.length - 4 - 2]), bare.subarray(4, -2)]);
  expect(readAll(records(without), 9)).toMatchObject({ hello: { serverName: null } });
});

test("of a client that encrypts a hello inside of it, the outer name counts", () => {
  const extensions = [[0xfe0d, Buffer.alloc(200, 1)]] as const;
  const reading = readAll(records(clientHello({ serverName: "outer.test", extensions })), 50);
  expect(reading).toMatchObject({ hello: { serverName: "outer.test" } });
});
