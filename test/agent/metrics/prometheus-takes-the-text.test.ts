import { beforeEach, expect, test } from "vitest";
import { metricDefinitions } from "#agent/metrics/definitions.ts";
import { exposition } from "#agent/metrics/exposition.ts";
import { Observations } from "#agent/metrics/observations.ts";
import { Scraper } from "#agent/metrics/scraper.ts";
import { answer, dns, http, request } from "#test/agent/flows/request-fixture.ts";
import { promtool } from "#test/support/promtool.ts";
import { needs } from "#test/support/requirement.ts";
import { fakeSources } from "./fake-sources.ts";

beforeEach(needs("promtool"));

const hostile = 'web"} 1\n# TYPE x\\ \u202e\ud800\0{a="b",c="d"}';
const limit = { direction: "egress", droppedPackets: 3, droppedBytes: 4500 } as const;

/** Something of every metric. */
function busy(): Observations {
  const observations = new Observations();
  observations.apiRequest({ method: "GET", route: "/v1/endpoints/:id", status: "404" }, 0.002);
  observations.cniCall({ plugin: "weir-cni", verb: "ADD", outcome: "error" }, "11", 0.04);
  observations.policyUpdate("refused", 100);
  observations.proxied.add(request());
  observations.proxied.add(answer({ ...http, code: 200 }));
  observations.proxied.add(request({ content: dns }));
  observations.proxied.add(answer(dns));
  return observations;
}

test("promtool finds nothing to say about any metric, whatever a pod is called", async () => {
  const bandwidths = () => [{ ...limit, namespace: hostile, pod: hostile, ifName: "eth0" }];
  const text = await new Scraper(fakeSources({ bandwidths }), busy()).text();
  for (const name of Object.keys(metricDefinitions)) expect(text).toMatch(new RegExp(`^${name}(_count)?[{ ]`, "m"));
  expect(await promtool(["check", "metrics"], text)).toEqual({ code: 0, stdout: "", stderr: "" });
});

test("promtool finds what is wrong", async () => {
  expect((await promtool(["check", "metrics"], 'x{pod="a\nb"} 1\n')).code).not.toBe(0);
});

test("a label's value is written with quotes, backslashes and line ends escaped", () => {
  const sample = { name: "x", labels: { pod: hostile, namespace: "shop" }, value: 1 };
  const text = exposition([{ name: "x", type: "gauge", help: "a\\b\nc", samples: [sample] }]);
  expect(text).toBe(
    "# HELP x a\\\\b\\nc\n# TYPE x gauge\n" +
      'x{pod="web\\"} 1\\n# TYPE x\\\\ \u202e\ufffd\0{a=\\"b\\",c=\\"d\\"}",namespace="shop"} 1\n',
  );
});

test("pods whose names make the same text together are two series", async () => {
  const pair = [
    { ...limit, namespace: "a,pod:b", pod: "c", ifName: "eth0" },
    { ...limit, namespace: "a", pod: "b,pod:c", ifName: "eth0" },
  ];
  const metrics = await new Scraper(fakeSources({ bandwidths: () => pair }), busy()).list();
  expect(metrics.filter(({ name }) => name === "weir_bandwidth_dropped_packets_total")).toHaveLength(2);
});

test("numbers that are none are written as Prometheus writes them", () => {
  const samples = [Number.NaN, Infinity, -Infinity, 1e300].map((value) => ({ name: "x", labels: {}, value }));
  expect(
    exposition([{ name: "x", type: "gauge", help: "", samples }])
      .split("\n")
      .slice(2),
  ).toEqual(["x NaN", "x +Inf", "x -Inf", "x 1e+300", ""]);
});
