import { expect, test } from "vitest";
import { MapPressure } from "#agent/node/map-pressure.ts";

test("a map that evicts is told of from 80 %, and until it is below 70 %", () => {
  const pressure = new MapPressure();
  const told = (entries: number) => pressure.problems([{ name: "conntrack4", entries, capacity: 1000 }]);
  expect([700, 799].map((entries) => told(entries).length)).toEqual([0, 0]);
  expect(told(800)).toEqual([
    "map conntrack4 is 80 % full (800 of 1000 entries): when it is full, the connections that were idle the longest are forgotten; raise --conntrack4-entries",
  ]);
  expect([790, 700, 810, 699, 790].map((entries) => told(entries).length)).toEqual([1, 1, 1, 0, 0]);
});

test("a map that refuses is told of from 90 %, and until it is below 85 %", () => {
  const pressure = new MapPressure();
  const told = (entries: number) => pressure.problems([{ name: "policy_slot", entries, capacity: 256 }]);
  expect([230, 231, 218, 217].map((entries) => told(entries).length)).toEqual([0, 1, 1, 0]);
  expect(told(256)).toEqual([
    "a policy map is full (256 entries): policy that needs more entries is refused; raise --policy-map-entries",
  ]);
});

test("maps are told of one by one", () => {
  const pressure = new MapPressure();
  const full = { entries: 10, capacity: 10 };
  expect(
    pressure.problems([
      { ...full, name: "ipcache" },
      { name: "limits", entries: 0, capacity: 10 },
      { ...full, name: "fragments" },
    ]),
  ).toEqual([expect.stringContaining("--ipcache-entries"), expect.stringContaining("--fragment-entries")]);
});
