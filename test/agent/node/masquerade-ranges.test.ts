import { expect, test } from "vitest";
import { masqueradeRanges } from "#agent/node/masquerade-ranges.ts";

const said = { excluded: false, pods: false, node: false };
const excluded = { ...said, excluded: true };

test("pods, the node's addresses and what is named are excluded as destinations", () => {
  const ranges = masqueradeRanges({
    pods: ["10.0.0.0/24", "fd00::/64"],
    excluded: ["172.16.0.0/12"],
    own: ["192.0.2.1", "2001:db8::1", "192.0.2.9"],
    masquerading: ["192.0.2.1", "2001:db8::1"],
  });
  expect(ranges).toEqual(
    new Map([
      ["172.16.0.0/12", excluded],
      ["10.0.0.0/24", { ...excluded, pods: true }],
      ["fd00::/64", { ...excluded, pods: true }],
      ["192.0.2.1/32", { ...excluded, node: true }],
      ["2001:db8::1/128", { ...excluded, node: true }],
      ["192.0.2.9/32", excluded],
    ]),
  );
});

test("a longer range says all that the ranges around it say", () => {
  const ranges = masqueradeRanges({
    pods: ["10.0.0.0/24"],
    excluded: ["10.0.0.0/8", "10.0.0.128/25"],
    own: ["10.0.0.1"],
    masquerading: ["10.0.9.9"],
  });
  expect(ranges.get("10.0.0.0/8")).toEqual(excluded);
  for (const inside of ["10.0.0.0/24", "10.0.0.128/25", "10.0.0.1/32"]) {
    expect([inside, ranges.get(inside)]).toEqual([inside, { ...excluded, pods: true }]);
  }
  expect(ranges.get("10.0.9.9/32")).toEqual({ ...excluded, node: true });
});
