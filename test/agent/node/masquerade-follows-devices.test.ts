import { constants } from "node:os";
import { BpfError } from "libbpf-ts";
import { expect, test } from "vitest";
import type { MasqueradeAddresses, MasqueradeFlags } from "#agent/datapath/kernel.ts";
import type { InterfaceAddress } from "#agent/netlink/address.ts";
import type { Link } from "#agent/netlink/link.ts";
import { Masquerade, type MasqueradeOptions } from "#agent/node/masquerade.ts";

const link = (index: number, name: string, mac: string | null = "02:00:00:00:00:01"): Link => {
  return { index, name, mac, mtu: 1500, up: true, loopback: false, kind: null, peerIndex: null, master: null };
};
const address = (index: number, text: string): InterfaceAddress => {
  return { index, address: text, prefix: 24, scope: 0, flags: 0 };
};

/** A masquerade over tables in memory. */
class Fixture {
  readonly ranges = new Map<string, MasqueradeFlags>();
  devices: ReadonlyMap<number, MasqueradeAddresses> = new Map();
  readonly removed: string[] = [];
  addresses: InterfaceAddress[] = [];
  exhausted = 0;
  isFull = false;
  now = 0;
  readonly masquerade: Masquerade;

  constructor(options: Partial<MasqueradeOptions> = {}) {
    this.masquerade = new Masquerade({
      table: {
        ranges: () => new Map(this.ranges),
        writeRanges: (ranges) => {
          if (this.isFull) throw BpfError.fromErrno(constants.errno.ENOSPC, "bpf_map_update_batch", "map ranges");
          ranges.forEach((flags, prefix) => this.ranges.set(prefix, flags));
        },
        removeRanges: (prefixes) => prefixes.forEach((prefix) => this.ranges.delete(prefix)),
        setDevices: (devices) => void (this.devices = devices),
      },
      nat: {
        // eslint-disable-next-line require-yield
        async *all() {
          await Promise.resolve();
        },
        removeWhere: async () => 0,
        sweep: async () => 0,
        removeAddresses: async (addresses) => this.removed.push(...addresses),
        counts: () => ({ allocated: 0, retries: 0, exhausted: this.exhausted }),
      },
      enabled: true,
      pods: () => ["10.0.0.0/24"],
      excluded: [],
      own: () => this.addresses.map((one) => one.address),
      addresses: () => this.addresses,
      now: () => this.now,
      failed: (error) => {
        throw error;
      },
      ...options,
    });
  }

  get nodes(): string[] {
    return [...this.ranges].filter(([, { node }]) => node).map(([prefix]) => prefix);
  }
}

test("each device's packets go under its own address, and those of one without Ethernet headers as they are", () => {
  const fixture = new Fixture();
  fixture.addresses = [address(2, "192.0.2.1"), address(3, "198.51.100.1"), address(4, "203.0.113.1")];
  fixture.masquerade.reconcile([link(2, "a"), link(3, "b"), link(4, "tun", null)]);
  const [a, b] = [
    { ipv4: "192.0.2.1", ipv6: null },
    { ipv4: "198.51.100.1", ipv6: null },
  ];
  expect(fixture.devices).toEqual(
    new Map([
      [2, a],
      [3, b],
    ]),
  );
  expect([...fixture.masquerade.devices]).toEqual([
    ["a", a],
    ["b", b],
  ]);
  expect(fixture.nodes).toEqual(["192.0.2.1/32", "198.51.100.1/32"]);
  expect(fixture.ranges.get("203.0.113.1/32")).toEqual({ excluded: true, pods: false, node: false });
});

test("an address that the node loses takes its mappings with it", () => {
  const fixture = new Fixture();
  fixture.addresses = [address(2, "192.0.2.1")];
  fixture.masquerade.reconcile([link(2, "a")]);
  expect(fixture.removed).toEqual([]);
  fixture.addresses = [address(2, "192.0.2.7")];
  fixture.masquerade.reconcile([link(2, "a")]);
  expect([fixture.nodes, fixture.removed]).toEqual([["192.0.2.7/32"], ["192.0.2.1"]]);
});

test("switched off, nothing stays of it", () => {
  const on = new Fixture();
  on.addresses = [address(2, "192.0.2.1")];
  on.masquerade.reconcile([link(2, "a")]);
  const off = new Fixture({ enabled: false });
  for (const [prefix, flags] of on.ranges) off.ranges.set(prefix, flags);
  off.addresses = on.addresses;
  off.masquerade.reconcile([link(2, "a")]);
  expect([off.ranges.size, off.devices.size, off.removed]).toEqual([0, 0, ["192.0.2.1"]]);
});

test("ranges that have no room are a problem, and the devices masquerade all the same", () => {
  const fixture = new Fixture();
  fixture.addresses = [address(2, "192.0.2.1")];
  fixture.isFull = true;
  fixture.masquerade.reconcile([link(2, "a")]);
  expect(fixture.masquerade.problems()).toEqual([expect.stringMatching(/^not all 2 ranges/)]);
  expect(fixture.devices.size).toBe(1);
  fixture.isFull = false;
  fixture.masquerade.reconcile([link(2, "a")]);
  expect(fixture.masquerade.problems()).toEqual([]);
});

test("that ports run out is told for some minutes, and not of what an earlier life saw", () => {
  const fixture = new Fixture();
  fixture.exhausted = 3;
  expect(fixture.masquerade.problems()).toEqual([
    expect.stringMatching(/^no port of the node's was free for packets of pods, 3 of them/),
  ]);
  fixture.now += 200_000;
  fixture.exhausted = 5;
  expect(fixture.masquerade.problems()).toEqual([expect.stringMatching(/packets of pods, 5 of/)]);
  fixture.now += 301_000;
  expect(fixture.masquerade.problems()).toEqual([]);
  fixture.exhausted = 6;
  expect(fixture.masquerade.problems()).toEqual([expect.stringMatching(/packets of pods, 1 of/)]);
});
