import { expect, test } from "vitest";
import { DropReason, EventHook } from "#agent/datapath/layouts.gen.ts";
import { metricDefinitions } from "#agent/metrics/definitions.ts";
import { Observations } from "#agent/metrics/observations.ts";
import { Scraper } from "#agent/metrics/scraper.ts";
import { observeCniCall, observeRequest } from "#agent/node/observed.ts";
import { ApiFixture } from "#test/agent/api/api-fixture.ts";
import { fakeSources } from "./fake-sources.ts";

const seriesOf = (observations: Observations, metric: string): string[] =>
  observations
    .families()
    .filter(({ name }) => name === metric)
    .flatMap(({ samples }) => samples.map(({ labels }) => Object.values(labels).join(" ")));

/** The number at the beginning of what the documentation says of a metric's series. */
const documented = (metric: string): number => Number.parseInt(metricDefinitions[metric]?.series ?? "", 10);

test("whatever is asked of the API, a series has a route of the table", async () => {
  await using api = await ApiFixture.start();
  for (let n = 0; n < 40; n++) {
    await api.request("GET", `/v1/endpoints/${n}`);
    await api.request("GET", `/v1/no-such-path-${n}`);
    await api.request(["PUT", "OPTIONS", "PROPFIND", "LOCK"][n % 4] ?? "", "/v1/status");
  }
  const observations = new Observations();
  for (const request of api.served) observeRequest(observations, request);
  expect(seriesOf(observations, "weir_api_requests_total").toSorted()).toEqual([
    "GET /v1/endpoints/:id 200",
    "GET /v1/endpoints/:id 404",
    "other unknown 404",
    "other unknown 405",
  ]);
});

test("whatever code another plugin gives, a series has one of ours or `other`", () => {
  const observations = new Observations();
  for (const code of [...Array(500).keys(), Number.NaN, -1]) {
    observeCniCall(observations, { plugin: "weir-cni", command: "ADD", outcome: "error", code, milliseconds: 1 });
  }
  const series = seriesOf(observations, "weir_cni_errors_total");
  expect(series.length * 2 * 5).toBe(documented("weir_cni_errors_total"));
  expect(series).toContain("weir-cni ADD other");
  expect(seriesOf(observations, "weir_cni_call_duration_seconds")).toHaveLength(13 + 2);
});

test("drops of one reason are one series, however many places of the source they have", async () => {
  const drop = {
    reason: "POLICY_DENIED",
    reasonCode: 133,
    direction: "egress",
    hook: "pod-egress",
    file: "judge.h",
    bytes: 100,
  } as const;
  const counters = () => Array.from({ length: 500 }, (_, line) => ({ ...drop, line, packets: 2 }));
  const metrics = await new Scraper(fakeSources({ counters }), new Observations()).list();
  const dropped = metrics.filter(({ name }) => name.startsWith("weir_dropped_"));
  expect(dropped.map(({ name, value }) => [name, value])).toEqual([
    ["weir_dropped_packets_total", 1000],
    ["weir_dropped_bytes_total", 50_000],
  ]);
});

test("there are as many reasons and hooks as the documentation says", () => {
  const reasons = Object.keys(DropReason).length; // with the one that is unknown, and without NONE
  const hooks = Object.keys(EventHook).length - 1;
  expect(reasons * hooks).toBe(documented("weir_dropped_packets_total"));
});
