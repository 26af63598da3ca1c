import { expect, test } from "vitest";

import { NetlinkConnection } from "#agent/netlink/connection.ts";
import { deleteLink, getLink, getLinks, parseLink } from "#agent/netlink/link.ts";
import { encodeRequest } from "#agent/netlink/message.ts";
import { PayloadWriter } from "#agent/netlink/payload-writer.ts";
import type { NetlinkTransport } from "#agent/netlink/transport.ts";

const ERROR = 2;
const DONE = 3;
const NEWLINK = 16;

interface Answer {
  readonly type: number;
  readonly flags?: number;
  readonly payload: Uint8Array;
  /** Added to the request's sequence number. */
  readonly stale?: number;
}

/** A kernel that gives prepared datagrams, under the number of the last request. */
class ScriptedTransport implements NetlinkTransport {
  readonly sent: Uint8Array[] = [];
  readonly #datagrams: (readonly Answer[])[];

  constructor(...datagrams: (readonly Answer[])[]) {
    this.#datagrams = datagrams;
  }

  send(bytes: Uint8Array): void {
    this.sent.push(bytes);
  }

  receive(): Uint8Array {
    const answers = this.#datagrams.shift();
    if (!answers) throw new Error("nothing was prepared");
    const sequence = Buffer.from(this.sent.at(-1) ?? []).readUInt32LE(8);
    return Buffer.concat(
      answers.map(({ type, flags = 0, payload, stale = 0 }) =>
        encodeRequest({ type, flags, payload, what: "" }, sequence + stale),
      ),
    );
  }
}

function error(errno: number, hint?: string): Answer {
  const writer = new PayloadWriter().u32(-errno).u32(52).u16(17).u16(5).u32(1).u32(0);
  if (hint !== undefined) writer.attributeText(1, hint);
  return { type: ERROR, flags: hint === undefined ? 0x100 : 0x300, payload: writer.finish() };
}

function link(index: number, name: string): Answer {
  const writer = new PayloadWriter().u8(0).u8(0).u16(1).u32(index).u32(1).u32(0);
  return { type: NEWLINK, flags: 2, payload: writer.attributeText(3, name).attributeU32(4, 1450).finish() };
}

const done: Answer = { type: DONE, payload: new PayloadWriter().u32(0).finish() };
const remove = deleteLink({ name: "weir01" });

test("an acknowledgement without an errno is success", () => {
  const transport = new ScriptedTransport([error(0)]);
  new NetlinkConnection(transport).execute(remove);
  // REQUEST | ACK.
  expect(Buffer.from(transport.sent[0] ?? []).readUInt16LE(6)).toBe(5);
});

test("an errno is an error with the kernel's own sentence", () => {
  const connection = new NetlinkConnection(new ScriptedTransport([error(19, "Device is busy elsewhere")]));
  expect(() => connection.execute(remove)).toThrow(
    expect.objectContaining({
      code: "kernel",
      errno: 19,
      message: "delete link weir01: ENODEV: no such device (Device is busy elsewhere)",
    }),
  );
});

test("one thing is read by the first answer", () => {
  const connection = new NetlinkConnection(new ScriptedTransport([link(7, "weir01")]));
  expect(connection.get(getLink({ name: "weir01" }), parseLink)).toEqual({
    index: 7,
    name: "weir01",
    mac: null,
    mtu: 1450,
    up: true,
    loopback: false,
    kind: null,
    master: null,
    peerIndex: null,
  });
});

test("a dump goes on over datagrams until it is done", () => {
  const connection = new NetlinkConnection(new ScriptedTransport([link(1, "a"), link(2, "b")], [link(3, "c")], [done]));
  expect(connection.dump(getLinks(), parseLink).map(({ name }) => name)).toEqual(["a", "b", "c"]);
});

test("answers to an abandoned request are skipped", () => {
  const connection = new NetlinkConnection(
    new ScriptedTransport([{ ...link(9, "old"), stale: -1 }, link(1, "a")], [{ ...done, stale: -1 }], [done]),
  );
  expect(connection.dump(getLinks(), parseLink).map(({ name }) => name)).toEqual(["a"]);
});

test("a dump that a change interrupted is asked for again", () => {
  const transport = new ScriptedTransport(
    [{ ...link(1, "a"), flags: 0x12 }],
    [done],
    [link(1, "a"), link(2, "b"), done],
  );
  expect(new NetlinkConnection(transport).dump(getLinks(), parseLink)).toHaveLength(2);
  expect(transport.sent).toHaveLength(2);
});

test("a table that never stands still is an error", () => {
  const interrupted = [{ ...done, flags: 0x12 }];
  const connection = new NetlinkConnection(new ScriptedTransport(...Array.from({ length: 8 }, () => interrupted)));
  expect(() => connection.dump(getLinks(), parseLink)).toThrow(expect.objectContaining({ code: "interrupted" }));
});

test("a dump can fail at its end", () => {
  const payload = new PayloadWriter().u32(-1).finish();
  const connection = new NetlinkConnection(new ScriptedTransport([link(1, "a"), { type: DONE, payload }]));
  expect(() => connection.dump(getLinks(), parseLink)).toThrow(expect.objectContaining({ code: "kernel", errno: 1 }));
});

test("an answer that cannot be read is an error", () => {
  const connection = new NetlinkConnection(new ScriptedTransport([{ type: NEWLINK, payload: new Uint8Array(3) }]));
  expect(() => connection.get(getLink({ index: 1 }), parseLink)).toThrow(
    expect.objectContaining({ code: "malformed", message: "read link 1: link has 3 bytes" }),
  );
});
