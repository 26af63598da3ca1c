import { expect, test } from "vitest";

import { addAddress, deleteAddress, getAddresses } from "#agent/netlink/address.ts";
import { createVeth, deleteLink, getLink, setLink } from "#agent/netlink/link.ts";
import { encodeRequest, type NetlinkRequest } from "#agent/netlink/message.ts";
import { deleteNeighbour, setNeighbour } from "#agent/netlink/neighbour.ts";
import { addRule } from "#agent/netlink/rule.ts";
import { addRoute, deleteRoute, getRoute } from "#agent/netlink/route.ts";

/** Hexadecimal without what stands after `#` to the line's end. */
function bytes(text: string): string {
  return text.replaceAll(/#.*$/gm, "").replaceAll(/\s+/g, "");
}

/** Little-endian, as on every machine that Weir runs on. */
const cases: readonly { name: string; request: NetlinkRequest; golden: string }[] = [
  {
    name: "sends packets from an address by the routes of a table",
    request: addRule({ source: "10.0.0.7", table: 10_003, priority: 10_003 }),
    golden: `
      34000000 2000 0006 07000000 00000000   # length, NEWRULE, CREATE|EXCL, sequence 7, port
      02 00 20 00 00 00 00 01 00000000       # fib_rule_hdr: INET, to 0 bits, from 32 bits, to a table
      0800 0200 0a000007                     # SOURCE
      0800 0600 13270000                     # PRIORITY
      0800 0f00 13270000                     # TABLE`,
  },
  {
    name: "creates a veth whose peer is in the namespace of a descriptor",
    request: createVeth({
      name: "weir01",
      mac: "02:00:00:00:00:01",
      mtu: 1450,
      peer: { name: "eth0", mac: "02:00:00:00:00:02", netnsFd: 5 },
    }),
    golden: `
      90000000 1000 0006 07000000 00000000   # length, NEWLINK, CREATE|EXCL, sequence 7, port
      00 00 0000 00000000 00000000 00000000  # ifinfomsg
      0b00 0300 776569723031 00 00           # IFNAME "weir01"
      0a00 0100 020000000001 0000            # ADDRESS
      0800 0400 aa050000                     # MTU
      5000 1200                              # LINKINFO
        0900 0100 76657468 00 000000         #   KIND "veth"
        4000 0200                            #   DATA
          3c00 0100                          #     PEER
          00 00 0000 00000000 00000000 00000000
          0900 0300 65746830 00 000000       #       IFNAME "eth0"
          0a00 0100 020000000002 0000        #       ADDRESS
          0800 0400 aa050000                 #       MTU
          0800 1c00 05000000                 #       NET_NS_FD`,
  },
  {
    name: "brings a link up",
    request: setLink({ index: 3, up: true }),
    golden: "20000000 1300 0000 07000000 00000000  00 00 0000 03000000 01000000 01000000",
  },
  {
    name: "brings a link down",
    request: setLink({ index: 3, up: false }),
    golden: "20000000 1300 0000 07000000 00000000  00 00 0000 03000000 00000000 01000000",
  },
  {
    name: "changes name, MAC address and MTU",
    request: setLink({ index: 3, name: "a", mac: "02:00:00:00:00:01", mtu: 1400 }),
    golden: `
      3c000000 1300 0000 07000000 00000000  00 00 0000 03000000 00000000 00000000
      0600 0300 61 00 0000
      0a00 0100 020000000001 0000
      0800 0400 78050000`,
  },
  {
    name: "deletes a link by name",
    request: deleteLink({ name: "weir01" }),
    golden: `
      2c000000 1100 0000 07000000 00000000  00 00 0000 00000000 00000000 00000000
      0b00 0300 776569723031 00 00`,
  },
  {
    name: "reads a link by number, without its statistics",
    request: getLink({ index: 9 }),
    golden: `
      28000000 1200 0000 07000000 00000000  00 00 0000 09000000 00000000 00000000
      0800 1d00 08000000`,
  },
  {
    name: "adds an IPv4 address",
    request: addAddress({ index: 3, address: "10.0.0.7", prefix: 32 }),
    golden: `
      30000000 1400 0006 07000000 00000000  02 20 80 00 03000000
      0800 0200 0a000007                     # LOCAL
      0800 0100 0a000007                     # ADDRESS
      0800 0800 80000000                     # FLAGS: PERMANENT`,
  },
  {
    name: "adds an IPv6 address without duplicate address detection",
    request: addAddress({ index: 3, address: "fd00::7", prefix: 128, noDad: true, noPrefixRoute: true }),
    golden: `
      48000000 1400 0006 07000000 00000000  0a 80 82 00 03000000
      1400 0200 fd000000000000000000000000000007
      1400 0100 fd000000000000000000000000000007
      0800 0800 82020000                     # PERMANENT | NODAD | NOPREFIXROUTE`,
  },
  {
    name: "deletes an address of link scope",
    request: deleteAddress({ index: 3, address: "10.0.0.7", prefix: 24, scope: 253 }),
    golden: `
      30000000 1500 0000 07000000 00000000  02 18 80 fd 03000000
      0800 0200 0a000007  0800 0100 0a000007  0800 0800 80000000`,
  },
  {
    name: "lists the addresses of a link",
    request: getAddresses({ index: 3 }),
    golden: "18000000 1600 0000 07000000 00000000  00 00 00 00 03000000",
  },
  {
    name: "adds a route on the link",
    request: addRoute({ destination: "10.0.0.1/32", index: 3 }),
    golden: `
      2c000000 1800 0006 07000000 00000000
      02 20 00 00 fe 04 fd 01 00000000       # INET, /32, main table, STATIC, LINK, UNICAST
      0800 0100 0a000001                     # DST
      0800 0400 03000000                     # OIF`,
  },
  {
    name: "adds a default route through a gateway on the link, with metric, MTU and table",
    request: addRoute({
      destination: "::/0",
      gateway: "fd00::1",
      index: 3,
      onlink: true,
      metric: 20,
      mtu: 1400,
      table: 1000,
    }),
    golden: `
      54000000 1800 0006 07000000 00000000
      0a 00 00 00 00 04 00 01 04000000       # INET6, /0, table below, STATIC, UNIVERSE, UNICAST, ONLINK
      1400 0500 fd000000000000000000000000000001
      0800 0400 03000000
      0800 0600 14000000                     # PRIORITY
      0800 0f00 e8030000                     # TABLE
      0c00 0800 0800 0200 78050000           # METRICS { MTU }`,
  },
  {
    name: "deletes a route",
    request: deleteRoute({ destination: "10.0.0.0/8", protocol: 87 }),
    golden: `
      24000000 1900 0000 07000000 00000000  02 08 00 00 fe 57 fd 01 00000000
      0800 0100 0a000000`,
  },
  {
    name: "looks up the route to an address",
    request: getRoute("10.0.0.7"),
    golden: `
      24000000 1a00 0000 07000000 00000000  02 20 00 00 00 00 00 00 00000000
      0800 0100 0a000007`,
  },
  {
    name: "sets a permanent neighbour",
    request: setNeighbour({ index: 3, address: "10.0.0.7", mac: "02:00:00:00:00:02" }),
    golden: `
      30000000 1c00 0005 07000000 00000000
      02 00 0000 03000000 8000 00 00         # PERMANENT
      0800 0100 0a000007                     # DST
      0a00 0200 020000000002 0000            # LLADDR`,
  },
  {
    name: "deletes a neighbour",
    request: deleteNeighbour({ index: 3, address: "10.0.0.7" }),
    golden: `
      24000000 1d00 0000 07000000 00000000  02 00 0000 03000000 0000 00 00
      0800 0100 0a000007`,
  },
];

test.for(cases)("$name", ({ request, golden }) => {
  expect(Buffer.from(encodeRequest(request, 7)).toString("hex")).toBe(bytes(golden));
});

test.for([
  ["a name of 16 bytes", () => deleteLink({ name: "1234567890123456" })],
  ["an empty name", () => deleteLink({ name: "" })],
  ["a name with a NUL", () => deleteLink({ name: "a\0b" })],
  ["no MAC address", () => setLink({ index: 1, mac: "02:00:00:00:00" })],
  ["no address", () => addAddress({ index: 1, address: "10.0.0", prefix: 32 })],
  ["a route without bits", () => addRoute({ destination: "10.0.0.1" })],
  ["a route with too many bits", () => addRoute({ destination: "10.0.0.1/33" })],
] as const)("%s cannot be put into a request", ([, build]) => {
  expect(build).toThrow(expect.objectContaining({ code: "invalid" }));
});
