import { AddressRange } from "#agent/ipam/address-range.ts";
import { FakeClock } from "#test/support/fake-clock.ts";
import fc from "fast-check";
import { expect, test } from "vitest";

function open(cidr: string, clock = new FakeClock()): AddressRange {
  return new AddressRange(cidr, { clock, cooldown: 30_000 });
}

function drain(range: AddressRange): string[] {
  return Array.from({ length: Number(range.capacity) }, (_, n) => range.allocate(`pod-${n}`));
}

test("an IPv4 range keeps network, gateway and broadcast address for itself", () => {
  const range = open("10.0.0.77/29");
  expect(range.cidr).toBe("10.0.0.72/29");
  expect(range.gateway).toBe("10.0.0.73");
  expect(drain(range)).toEqual(["10.0.0.74", "10.0.0.75", "10.0.0.76", "10.0.0.77", "10.0.0.78"]);
});

test("an IPv6 range keeps network and gateway address, and may be huge", () => {
  expect(drain(open("fd00::/126"))).toEqual(["fd00::2", "fd00::3"]);
  const range = open("fd00::/16");
  expect([range.gateway, range.allocate("a"), range.allocate("b")]).toEqual(["fd00::1", "fd00::2", "fd00::3"]);
});

test("all 253 pods of a /24 get an address of their own; the next one is told which pool is full", () => {
  const range = open("10.0.0.0/24");
  expect(new Set(drain(range)).size).toBe(253);
  expect(() => range.allocate("late")).toThrow(
    "allocate an address: pool 10.0.0.0/24 has 253 of 253 addresses in use; remove pods, or use a larger --pod-cidr",
  );
});

test("a released address comes round last, and not within its cool-down", () => {
  const clock = new FakeClock();
  const range = open("10.0.0.0/29", clock);
  const [first] = drain(range);
  range.release("10.0.0.4");
  expect(() => range.allocate("a")).toThrow("1 released too recently to be used again; try again in 30 s");
  clock.advance(29_999);
  expect(() => range.allocate("a")).toThrow(expect.objectContaining({ code: "pool-exhausted" }));
  clock.advance(1);
  range.release(first as string);
  expect(range.allocate("a")).toBe("10.0.0.4");
});

test("addresses are given in turn", () => {
  const range = open("10.0.0.0/24");
  range.withdraw(range.allocate("a"));
  expect(range.allocate("b")).toBe("10.0.0.3");
});

test("what a record says is reserved, and not given again", () => {
  const range = open("10.0.0.0/29");
  range.reserve("10.0.0.3", "web");
  expect(() => range.reserve("10.0.0.3", "db")).toThrow("reserve 10.0.0.3 for db: web has it");
  expect(range.allocate("a")).toBe("10.0.0.4");
});

test.each(["10.0.0.0", "10.0.0.1", "10.0.0.7", "10.0.1.2", "9.255.255.255", "fd00::2", "web"])(
  "%s cannot be reserved",
  (address) =>
    expect(() => open("10.0.0.0/29").reserve(address, "web")).toThrow(
      expect.objectContaining({ code: "address-outside" }),
    ),
);

test.each(["10.0.0.0/31", "10.0.0.0/32", "fd00::/127", "fd00::/128", "web", "10.0.0.0"])(
  "%s is no range for pods",
  (cidr) => {
    expect(() => open(cidr)).toThrow(expect.objectContaining({ code: "bad-range" }));
  },
);

test("releasing is idempotent", () => {
  const range = open("10.0.0.0/29");
  const address = range.allocate("a");
  expect([range.release(address), range.release(address), range.release("10.9.9.9")]).toEqual([true, false, false]);
});

test("whatever comes and goes, no address has two owners or is given within its cool-down", () => {
  const steps = fc.array(fc.oneof(fc.constant("allocate"), fc.nat(30), fc.constant("wait")), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (sequence) => {
      const clock = new FakeClock();
      const range = open("10.0.0.0/28", clock);
      const held: string[] = [];
      const releasedAt = new Map<string, bigint>();
      for (const step of sequence) {
        if (step === "wait") clock.advance(7_000);
        else if (typeof step === "number") {
          const [address] = held.splice(step % (held.length || 1), 1);
          if (address && range.release(address)) releasedAt.set(address, clock.bootNanoseconds());
        } else if (BigInt(held.length + range.cooling) < range.capacity) {
          const address = range.allocate("pod");
          expect(held).not.toContain(address);
          expect(clock.bootNanoseconds() - (releasedAt.get(address) ?? 0n)).toBeGreaterThanOrEqual(30_000_000_000n);
          held.push(address);
        }
      }
      expect(range.used).toBe(held.length);
    }),
  );
});
