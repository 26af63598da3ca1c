import { isIP } from "node:net";

import fc from "fast-check";
import { expect, test } from "vitest";

import { formatIp, parseIp } from "#agent/netlink/ip.ts";

test.for([
  ["::", "::"],
  ["::1", "::1"],
  ["1::", "1::"],
  ["FD00:0:0:0:0:0:0:7", "fd00::7"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["::ffff:10.0.0.7", "::ffff:10.0.0.7"],
  ["64:ff9b::10.0.0.7", "64:ff9b::a00:7"],
  ["10.0.0.7", "10.0.0.7"],
] as const)("%s is written %s", ([text, canonical]) => {
  const bytes = parseIp(text);
  expect(bytes && formatIp(bytes)).toBe(canonical);
});

test("texts are addresses exactly where Node says so", () => {
  const piece = fc.oneof(
    fc.constantFrom(":", "::", ".", "0", "00", "1", "255", "256", "f", "ffff", "10000", "g", "%", "/"),
    fc.integer({ min: 0, max: 300 }).map(String),
    fc.integer({ min: 0, max: 0xffff }).map((number) => number.toString(16)),
  );
  const text = fc.oneof(
    fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join("")),
    fc.ipV4(),
    fc.ipV6(),
    fc
      .array(fc.nat(0xffff), { minLength: 7, maxLength: 9 })
      .map((groups) => groups.map((n) => n.toString(16)).join(":")),
  );
  fc.assert(
    // Zones are of no use in a message: Node takes them, we do not.
    fc.property(
      text.filter((value) => !value.includes("%")),
      (value) => {
        expect(parseIp(value)?.length ?? 0, value).toBe({ 0: 0, 4: 4, 6: 16 }[isIP(value)]);
      },
    ),
    { numRuns: 5_000 },
  );
});
