import { expect, test } from "vitest";
import { frame, MessageReader } from "#agent/proxy/dns/framing.ts";

test("messages are found however they are cut, and nothing of the pieces is kept", () => {
  const messages = [Buffer.from("one"), Buffer.alloc(0), Buffer.alloc(65_535, 7), Buffer.from("four")];
  const stream = Buffer.concat(messages.map(frame));
  for (const size of [1, 2, 3, 1000, stream.length]) {
    const reader = new MessageReader();
    const found: Buffer[] = [];
    for (let at = 0; at < stream.length; at += size) {
      const piece = Buffer.from(stream.subarray(at, at + size));
      reader.push(piece);
      piece.fill(0);
      for (let message = reader.next(); message; message = reader.next()) found.push(message);
    }
    expect(found.map((message, i) => message.equals(messages[i] as Buffer))).toEqual([true, true, true, true]);
    expect(reader.isWithin).toBe(false);
  }
});
