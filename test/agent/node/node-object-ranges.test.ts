import { expect, onTestFinished, test } from "vitest";
import { NodeObjectRanges } from "#agent/node/node-object-ranges.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { makeIpam } from "#test/support/make-ipam.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

function node(name: string, ...podCidrs: string[]): PolicyObject {
  const source = { file: "f", line: 1 };
  const base = { kind: "Node", namespace: "", name, source, labels: {}, addresses: [] } as const;
  return podCidrs.length === 0 ? base : { ...base, podCidrs };
}

/** As each life of the agent has it. */
function makeRanges(): () => NodeObjectRanges {
  const folder = new TemporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  return () => new NodeObjectRanges("n1", folder.join("pod-cidrs.json"));
}

test("the ranges are those of the node's own object; without one, those that it had", () => {
  const life = makeRanges();
  expect(life().atStart([node("n2", "10.2.0.0/24")])).toEqual([]);
  expect(life().atStart([node("n2", "10.2.0.0/24"), node("n1", "10.1.0.0/24", "fd00::/64")])).toEqual([
    "10.1.0.0/24",
    "fd00::/64",
  ]);
  expect(life().atStart([node("n1")])).toEqual(["10.1.0.0/24", "fd00::/64"]);
  expect(life().atStart([node("n1", "10.3.0.0/24")])).toEqual(["10.3.0.0/24"]);
});

test("what comes is taken and noted; what goes is told and stays", () => {
  const life = makeRanges();
  const ranges = life();
  const { ipam } = makeIpam([]);
  ranges.follow([node("n1")], ipam);
  expect(ipam.ranges).toEqual([]);
  ranges.follow([node("n1", "10.1.0.0/24")], ipam);
  ranges.follow([node("n1", "10.4.0.0/24", "10.1.0.0/24")], ipam);
  expect([ipam.ranges, ranges.problems()]).toEqual([["10.1.0.0/24", "10.4.0.0/24"], []]);
  expect(life().atStart([])).toEqual(["10.1.0.0/24", "10.4.0.0/24"]);
  ranges.follow([node("n1", "10.1.0.0/24")], ipam);
  expect(ipam.ranges).toEqual(["10.1.0.0/24", "10.4.0.0/24"]);
  expect(ranges.problems()).toEqual([expect.stringContaining("Node n1 does not name 10.4.0.0/24 any more")]);
  ranges.follow([], ipam);
  expect([ipam.ranges, ranges.problems()]).toEqual([["10.1.0.0/24", "10.4.0.0/24"], []]);
});

test("a range that cannot be used is told, and the others stay", () => {
  const ranges = makeRanges()();
  const { ipam } = makeIpam(["10.1.0.0/24"]);
  ranges.follow([node("n1", "10.1.0.0/24", "10.1.0.0/16")], ipam);
  expect(ranges.problems()).toEqual([expect.stringContaining("use the range 10.1.0.0/16: it overlaps 10.1.0.0/24")]);
  expect(ipam.ranges).toEqual(["10.1.0.0/24"]);
});
