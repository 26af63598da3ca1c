import { AddressRange } from "#agent/ipam/address-range.ts";
import { FakeClock } from "#test/support/fake-clock.ts";
import fc from "fast-check";
import { expect, test } from "vitest";

function open(cidr: string, clock = new FakeClock()): AddressRange {
  return new AddressRange(cidr, { clock, cooldown: 30_000 });
}

const give = (range: AddressRange, owner = "pod"): string | null => range.takeFree(owner)?.address ?? null;

function drain(range: AddressRange): (string | null)[] {
  return Array.from({ length: Number(range.capacity) }, (_, n) => give(range, `pod-${n}`));
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
  expect([range.gateway, give(range), give(range)]).toEqual(["fd00::1", "fd00::2", "fd00::3"]);
});

test("all 253 pods of a /24 get an address of their own, and nobody after them", () => {
  const range = open("10.0.0.0/24");
  expect(new Set(drain(range)).size).toBe(253);
  expect(give(range)).toBeNull();
});

test("a released address comes round last, and not within its cool-down", () => {
  const clock = new FakeClock();
  const range = open("10.0.0.0/29", clock);
  const [first] = drain(range);
  range.release("10.0.0.4");
  clock.advance(29_999);
  expect([give(range), range.nextFree]).toEqual([null, clock.bootNanoseconds() + 1_000_000n]);
  clock.advance(1);
  range.release(first as string);
  expect(give(range)).toBe("10.0.0.4");
});

test("what was taken can be taken back, and is as it was before", () => {
  const clock = new FakeClock();
  const range = open("10.0.0.0/29", clock);
  range.takeFree("a")?.undo();
  expect(give(range, "b")).toBe("10.0.0.3");
  range.release("10.0.0.3");
  range.take("10.0.0.3", "b").undo();
  expect([range.used, range.cooling]).toEqual([0, 1]);
});

test("an address is given to whoever asks for it, unless somebody has it or had it until a moment ago", () => {
  const clock = new FakeClock();
  const range = open("10.0.0.0/29", clock);
  expect(range.take("10.0.0.5", "shop/web").address).toBe("10.0.0.5");
  expect(() => range.take("10.0.0.5", "shop/db")).toThrow("give 10.0.0.5 to shop/db: shop/web has it");
  range.release("10.0.0.5");
  clock.advance(1_000);
  expect(() => range.take("10.0.0.5", "shop/db")).toThrow(
    "give 10.0.0.5 to shop/db: shop/web had it until a moment ago; try again in 29 s",
  );
  expect(range.take("10.0.0.5", "shop/web").address).toBe("10.0.0.5");
  range.release("10.0.0.5");
  clock.advance(30_000);
  expect(range.take("10.0.0.5", "shop/db").address).toBe("10.0.0.5");
});

test("what is kept is given to others only when nothing else is left, the oldest first, and after its cool-down", () => {
  const clock = new FakeClock();
  const range = open("10.0.0.0/29", clock);
  drain(range);
  range.release("10.0.0.6", true);
  range.release("10.0.0.2", true);
  expect([range.kept, range.free, range.takeKept("b")]).toEqual([2, 0n, null]);
  expect(range.take("10.0.0.2", "a", true).address).toBe("10.0.0.2");
  range.release("10.0.0.2", true);
  clock.advance(30_000);
  expect([give(range), range.takeKept("b")?.address, range.takeKept("b")?.address]).toEqual([
    null,
    "10.0.0.6",
    "10.0.0.2",
  ]);
});

test("what is kept no more is free after its cool-down", () => {
  const clock = new FakeClock();
  const range = open("10.0.0.0/29", clock);
  drain(range);
  range.release("10.0.0.6", true);
  range.forget("10.0.0.6");
  expect([range.kept, range.cooling]).toEqual([0, 1]);
  clock.advance(30_000);
  expect(give(range)).toBe("10.0.0.6");
});

test("what a record says is reserved, and not given again", () => {
  const range = open("10.0.0.0/29");
  range.reserve("10.0.0.3", "web");
  expect(() => range.reserve("10.0.0.3", "db")).toThrow("reserve 10.0.0.3 for db: web has it");
  expect(give(range)).toBe("10.0.0.4");
});

test.each(["10.0.0.0", "10.0.0.1", "10.0.0.7", "10.0.1.2", "9.255.255.255", "fd00::2", "web"])(
  "%s can neither be reserved nor asked for",
  (address) => {
    const range = open("10.0.0.0/29");
    const outside = expect.objectContaining({ code: "address-outside" }) as Error;
    expect(() => range.reserve(address, "web")).toThrow(outside);
    expect(() => range.take(address, "web")).toThrow(outside);
  },
);

test.each(["10.0.0.0/31", "10.0.0.0/32", "fd00::/127", "fd00::/128", "web", "10.0.0.0"])(
  "%s is no range for pods",
  (cidr) => {
    expect(() => open(cidr)).toThrow(expect.objectContaining({ code: "bad-range" }));
  },
);

test("releasing is idempotent", () => {
  const range = open("10.0.0.0/29");
  const address = give(range) as string;
  expect(range.release(address)).not.toBeNull();
  expect([range.release(address), range.release("10.9.9.9")]).toEqual([null, null]);
});

test("of a closed range nothing is given any more", () => {
  const range = open("10.0.0.0/29");
  range.isClosed = true;
  expect([give(range), range.takeKept("a")]).toEqual([null, null]);
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
          if (address && range.release(address) !== null) releasedAt.set(address, clock.bootNanoseconds());
        } else if (BigInt(held.length + range.cooling) < range.capacity) {
          const address = give(range) as string;
          expect(held).not.toContain(address);
          expect(clock.bootNanoseconds() - (releasedAt.get(address) ?? 0n)).toBeGreaterThanOrEqual(30_000_000_000n);
          held.push(address);
        }
      }
      expect(range.used).toBe(held.length);
    }),
  );
});
