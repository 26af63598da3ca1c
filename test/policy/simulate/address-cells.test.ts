import { describe, expect, test } from "vitest";
import { type Address, cidrContains, hostCidr, parseAddress } from "#policy/model/cidr.ts";
import { AddressCells, compareAddresses } from "#policy/simulate/address-cells.ts";

const addresses = (...texts: string[]): Address[] =>
  texts.map((text) => parseAddress(text) as Address).sort(compareAddresses);

/** What stands for each cell, by its range. */
function representatives(cidrs: readonly string[], taken: readonly Address[] = []): Record<string, string | null> {
  const cells = new AddressCells(cidrs);
  return Object.fromEntries(cells.cells.map((cell) => [cell.text, cells.representative(cell, taken)]));
}

describe("an address of its own", () => {
  test("every range has one, and so has the rest of each family", () => {
    expect(representatives(["10.0.0.0/8", "10.1.0.0/16", "fd00::/8"])).toEqual({
      "0.0.0.0/0": "192.0.2.1",
      "10.0.0.0/8": "10.0.0.1",
      "10.1.0.0/16": "10.1.0.1",
      "::/0": "2001:db8::1",
      "fd00::/8": "fd00::1",
    });
  });

  test("it is in no finer range", () => {
    expect(representatives(["10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/10"])["10.0.0.0/8"]).toBe("10.192.0.0");
    expect(representatives(["192.0.2.0/24"])["0.0.0.0/0"]).toBe("198.51.100.1");
  });

  test("a range that finer ones cover has none", () => {
    expect(representatives(["10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9"])["10.0.0.0/8"]).toBeNull();
  });

  test("it is nobody's who is known", () => {
    const taken = addresses("10.0.0.0", "10.0.0.1", "10.0.0.2");
    expect(representatives(["10.0.0.0/30", "10.0.0.0/31"], taken)).toMatchObject({
      "10.0.0.0/31": null,
      "10.0.0.0/30": "10.0.0.3",
    });
  });
});

test("an address is in the finest range that contains it", () => {
  const cells = new AddressCells(["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "fd00::/8"]);
  const rangeOf = (text: string): string => cells.cellOf(parseAddress(text) as Address).text;
  expect(["10.1.2.3", "10.1.2.4", "10.2.0.0", "11.0.0.0", "fd12::1", "fe80::1"].map(rangeOf)).toEqual([
    "10.1.2.3/32",
    "10.1.0.0/16",
    "10.0.0.0/8",
    "0.0.0.0/0",
    "fd00::/8",
    "::/0",
  ]);
});

test("every representative lies in its own cell", () => {
  const cidrs = [
    "0.0.0.0/1",
    "10.0.0.0/8",
    "10.0.0.0/30",
    "10.0.0.1/32",
    "128.0.0.0/1",
    "::/1",
    "8000::/1",
    "fd00::/8",
  ];
  const cells = new AddressCells(cidrs);
  for (const cell of cells.cells) {
    const text = cells.representative(cell, addresses("10.0.0.2"));
    if (text === null) continue;
    const address = parseAddress(text) as Address;
    expect(cidrContains(cell.cidr, hostCidr(address))).toBe(true);
    expect(cells.cellOf(address)).toBe(cell);
  }
});
