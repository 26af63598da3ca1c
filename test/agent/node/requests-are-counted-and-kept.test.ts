import { expect, test } from "vitest";
import { FlowRing } from "#agent/flows/ring.ts";
import { Observations } from "#agent/metrics/observations.ts";
import { RequestLog } from "#agent/node/request-log.ts";
import { FakeContext } from "#test/agent/flows/fixture.ts";
import { deniedRequest, request } from "#test/agent/flows/request-fixture.ts";

test("requests are counted from the beginning, and are flows from when flows are kept", () => {
  const observations = new Observations();
  const log = new RequestLog(observations);
  log.add([request()], 2);
  const ring = new FlowRing(new FakeContext(), 8);
  let generation = 41n;
  log.keepIn(ring, () => generation);
  log.add([request(), deniedRequest()], 3);
  generation = 42n;
  log.add([request()], 0);
  const kept = [0, 1, 2].map((sequence) => ring.get(sequence));
  expect(kept.map((record) => [record?.request?.verdict, record?.event.generation])).toEqual([
    ["FORWARDED", 41n],
    ["DROPPED", 41n],
    ["FORWARDED", 42n],
  ]);
  expect([ring.next, ring.lostRequests]).toEqual([3, 3n]);
  const samples = observations.families().flatMap((family) => family.samples);
  const value = (name: string, rule?: string) =>
    samples.find((sample) => sample.name === name && sample.labels["rule"] === rule)?.value;
  expect(value("weir_policy_l7_total", "received")).toBe(4);
  expect(value("weir_policy_l7_total", "denied")).toBe(1);
  expect(value("weir_proxy_records_lost_total")).toBe(5);
});
