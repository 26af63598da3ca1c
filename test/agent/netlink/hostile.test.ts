import fc from "fast-check";
import { expect, test } from "vitest";

import { parseAcknowledgement, parseDone } from "#agent/netlink/acknowledgement.ts";
import { addAddress, parseAddress } from "#agent/netlink/address.ts";
import { parseAttributes } from "#agent/netlink/attributes.ts";
import { createVeth, parseLink } from "#agent/netlink/link.ts";
import { encodeRequest, parseMessages } from "#agent/netlink/message.ts";
import { parseNeighbour, setNeighbour } from "#agent/netlink/neighbour.ts";
import { addRoute, parseRoute } from "#agent/netlink/route.ts";
import { sized } from "#test/support/size.ts";

const numRuns = sized({ short: 3_000, long: 300_000 });

const end = { name: "weir01", mac: "02:00:00:00:00:01" };
const seeds = [
  createVeth({ ...end, mtu: 1450, peer: { ...end, netnsFd: 5 } }),
  addAddress({ index: 3, address: "fd00::7", prefix: 128 }),
  addRoute({ destination: "10.0.0.0/8", gateway: "10.0.0.1", index: 3, mtu: 1400, metric: 7 }),
  setNeighbour({ index: 3, address: "10.0.0.7", mac: "02:00:00:00:00:02" }),
].map(({ payload }) => payload);

const mutation = fc.tuple(fc.nat(400), fc.nat(255));

/** Any bytes, and good payloads with some bytes changed or cut off. */
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.tuple(fc.constantFrom(...seeds), fc.array(mutation, { maxLength: 6 }), fc.nat(200)).map(([seed, changes, cut]) => {
    const bytes = seed.slice();
    for (const [offset, value] of changes) if (offset < bytes.length) bytes[offset] = value;
    return cut < 40 ? bytes.subarray(0, Math.max(bytes.length - cut, 0)) : bytes;
  }),
);

const parsers = { parseLink, parseAddress, parseRoute, parseNeighbour, parseAttributes, parseMessages };

test.for(Object.entries(parsers))("%s gives a value or an error for any bytes", ([, parse]) => {
  fc.assert(
    fc.property(payload, (bytes) => {
      const outcome = parse(bytes);
      expect(outcome.ok ? outcome.value : outcome.error).toBeDefined();
    }),
    { numRuns },
  );
});

test("acknowledgements of any bytes and flags give a value or an error", () => {
  fc.assert(
    fc.property(payload, fc.nat(0xffff), (bytes, flags) => {
      const message = { type: 2, flags, sequence: 1, payload: bytes };
      for (const outcome of [parseAcknowledgement(message), parseDone(message)]) {
        expect(outcome.ok ? outcome.value.errno >= 0 : outcome.error !== "").toBe(true);
      }
    }),
    { numRuns },
  );
});

test("no message reaches past its datagram", () => {
  const [seed = new Uint8Array()] = seeds;
  const datagram = encodeRequest({ type: 16, flags: 0, payload: seed, what: "" }, 1);
  for (let length = 1; length < datagram.length; length++) {
    expect(parseMessages(datagram.subarray(0, length)).ok).toBe(false);
  }
  expect(parseMessages(datagram)).toMatchObject({ ok: true, value: [{ type: 16, sequence: 1 }] });
});

test.for([
  ["a link", parseLink],
  ["an address", parseAddress],
  ["a route", parseRoute],
  ["a neighbour", parseNeighbour],
] as const)("%s whose attribute claims too much is malformed", ([, parse]) => {
  const bytes = new Uint8Array(40).fill(0xff);
  expect(parse(bytes)).toEqual({ ok: false, error: expect.stringContaining("has length 65535") });
});
