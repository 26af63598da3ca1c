import { expect, test } from "vitest";
import { Observations } from "#agent/metrics/observations.ts";

test("a duration is in its bucket and in all larger ones; sum and count are of all", () => {
  const observations = new Observations();
  for (const duration of [0.005, 0.006, 31]) observations.policyUpdate("in-force", duration);
  const family = observations.families().find(({ name }) => name === "weir_policy_update_duration_seconds");
  const values = family?.samples.map(({ name, labels, value }) => [name.slice(35), labels["le"], value]);
  expect(values?.slice(0, 3)).toEqual([
    ["_bucket", "0.005", 1],
    ["_bucket", "0.01", 2],
    ["_bucket", "0.025", 2],
  ]);
  expect(values?.slice(-4)).toEqual([
    ["_bucket", "30", 2],
    ["_bucket", "+Inf", 3],
    ["_sum", undefined, 31.011],
    ["_count", undefined, 3],
  ]);
});

test("a request that waits or streams is counted, and its duration is not", () => {
  const observations = new Observations();
  observations.apiRequest({ method: "GET", route: "/v1/flows", status: "200" }, null);
  const [requests, durations] = observations.families();
  expect(requests?.samples).toEqual([
    { name: "weir_api_requests_total", labels: { method: "GET", route: "/v1/flows", status: "200" }, value: 1 },
  ]);
  expect(durations?.samples).toEqual([]);
});
