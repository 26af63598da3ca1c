import fc from "fast-check";
import { expect, test } from "vitest";

import { addAddress, parseAddress } from "#agent/netlink/address.ts";
import { formatIp, parseIp } from "#agent/netlink/ip.ts";
import { parseNeighbour, setNeighbour } from "#agent/netlink/neighbour.ts";
import { addRoute, parseRoute } from "#agent/netlink/route.ts";

const address = fc
  .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map(formatIp);
const index = fc.integer({ min: 1, max: 0x7fffffff });
const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) =>
  Buffer.from(bytes)
    .toString("hex")
    .replace(/(..)(?=.)/g, "$1:"),
);

/** What the kernel tells has the layout of what it is told, so each request can be read back. */
test("addresses are read as they are written", () => {
  fc.assert(
    fc.property(
      address,
      index,
      fc.integer({ min: 0, max: 32 }),
      fc.integer({ min: 0, max: 255 }),
      (ip, link, prefix, scope) => {
        const { payload } = addAddress({ index: link, address: ip, prefix, scope });
        expect(parseAddress(payload)).toEqual({
          ok: true,
          value: { index: link, address: ip, prefix, scope, flags: 0x80 },
        });
      },
    ),
  );
});

test("routes are read as they are written", () => {
  const number = fc.integer({ min: 1, max: 0xffffffff });
  fc.assert(
    fc.property(address, index, number, number, number, fc.boolean(), (ip, link, metric, mtu, table, onlink) => {
      const bits = ip.includes(":") ? 128 : 32;
      const spec = { destination: `${ip}/${bits}`, gateway: ip, index: link, metric, mtu, table, onlink, source: ip };
      const value = { ...spec, scope: 0, protocol: 4, type: 1 };
      expect(parseRoute(addRoute(spec).payload)).toEqual({ ok: true, value });
    }),
  );
});

test("default routes are read as they are written", () => {
  for (const [destination, gateway] of [
    ["0.0.0.0/0", "10.0.0.1"],
    ["::/0", "fd00::1"],
  ] as const) {
    const outcome = parseRoute(addRoute({ destination, gateway, index: 3 }).payload);
    expect(outcome).toMatchObject({ ok: true, value: { destination, gateway, index: 3, mtu: null, source: null } });
  }
});

test("neighbours are read as they are written", () => {
  fc.assert(
    fc.property(address, index, mac, (ip, link, hardware) => {
      const { payload } = setNeighbour({ index: link, address: ip, mac: hardware });
      expect(parseNeighbour(payload)).toEqual({
        ok: true,
        value: { index: link, address: ip, mac: hardware, state: 0x80 },
      });
    }),
  );
});

test("IP addresses are read as they are written", () => {
  fc.assert(
    fc.property(address, (text) => {
      expect(formatIp(parseIp(text) ?? new Uint8Array(4))).toBe(text);
    }),
  );
});
