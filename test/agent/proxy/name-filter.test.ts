import { beforeEach, expect, test } from "vitest";
import { NameFilter } from "#agent/proxy/name-filter.ts";
import { type Admission, type DnsAnswer, GRACE } from "#agent/proxy/names.ts";

let now: number;
let asked: DnsAnswer[];
let heard: DnsAnswer[];
let admission: Admission;
let names: NameFilter;

beforeEach(() => {
  now = 0;
  asked = [];
  heard = [];
  admission = "admitted";
  names = new NameFilter({
    ask: async (answer) => {
      asked.push(answer);
      return admission;
    },
    hear: (answer) => void heard.push(answer),
    now: () => now,
  });
  names.rules = { patterns: ["*.test"], minTtl: 0 };
});

function answer(name: string, ttl = 60, ...addresses: string[]): DnsAnswer {
  const all = addresses.length > 0 ? addresses : ["192.0.2.1"];
  return { name, addresses: all.map((address) => ({ address, ttl })), endpoint: 7 };
}

test("an answer waits when a rule speaks of its name and an address is new; then it does not, until its time is over", async () => {
  expect(await names.admit(answer("a.test"))).toBe("admitted");
  expect(names.admit(answer("a.test"))).toBeNull();
  now += GRACE;
  expect(names.admit(answer("a.test"))).toBeNull();
  expect([asked.length, heard.length]).toEqual([1, 0]);
  // It would end before the answer's time: told of, but there for long enough not to wait.
  now += 1;
  expect(names.admit(answer("a.test"))).toBeNull();
  expect(names.admit(answer("a.test"))).toBeNull();
  expect([asked.length, heard.length]).toEqual([1, 1]);
  now += 60_000 + GRACE - 1_000;
  expect(await names.admit(answer("a.test"))).toBe("admitted");
  expect(await names.admit(answer("a.test", 60, "192.0.2.1", "192.0.2.2"))).toBe("admitted");
  expect(asked).toHaveLength(3);
});

test("an answer for no time at all is asked about once in a while, not each time", async () => {
  await names.admit(answer("a.test", 0));
  for (let i = 0; i < 7; i++) {
    now += 1_000;
    expect(names.admit(answer("a.test", 0))).toBeNull();
  }
  now += 2_000;
  expect(names.admit(answer("a.test", 0))).not.toBeNull();
});

test("a name that no rule speaks of never waits, and is told of once", () => {
  expect(names.admit(answer("a.else"))).toBeNull();
  expect(names.admit(answer("a.else"))).toBeNull();
  expect([asked.length, heard.length]).toEqual([0, 1]);
});

test("an answer without addresses is nobody's business", () => {
  expect(names.admit({ name: "a.test", addresses: [], endpoint: 7 })).toBeNull();
  expect([asked.length, heard.length]).toEqual([0, 0]);
});

test("when rules speak of other names, what was known is asked about again", async () => {
  expect(names.admit(answer("a.else"))).toBeNull();
  names.rules = { patterns: ["a.else"], minTtl: 0 };
  expect(await names.admit(answer("a.else"))).toBe("admitted");
  names.rules = { patterns: ["a.else"], minTtl: 0 };
  expect(names.admit(answer("a.else"))).toBeNull();
});

test("what is refused is asked about again the next time", async () => {
  admission = "refused";
  expect(await names.admit(answer("a.test"))).toBe("refused");
  admission = "admitted";
  expect(await names.admit(answer("a.test"))).toBe("admitted");
});
