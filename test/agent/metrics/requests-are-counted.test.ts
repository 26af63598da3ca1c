import { expect, test } from "vitest";
import { metricDefinitions } from "#agent/metrics/definitions.ts";
import { ProxiedRequests } from "#agent/metrics/proxied-requests.ts";
import type { RequestRecord } from "#agent/proxy/request-record.ts";
import { answer, deniedRequest, dns, http, kafka, request, tls } from "#test/agent/flows/request-fixture.ts";

/** Every series that is a number alone, and how many values a distribution has. */
function seriesOf(requests: ProxiedRequests): Record<string, number> {
  const samples = requests.families().flatMap(({ samples }) => samples);
  const wanted = samples.filter(({ name }) => name.endsWith("_total") || name.endsWith("_count"));
  return Object.fromEntries(
    wanted.map(({ name, labels, value }) => [[name.replace(/^weir_/, ""), ...Object.values(labels)].join(" "), value]),
  );
}

function counted(...records: readonly RequestRecord[]): Record<string, number> {
  const requests = new ProxiedRequests();
  for (const record of records) requests.add(record);
  return seriesOf(requests);
}

test("a request is counted when it comes, and by its status when it is answered", () => {
  expect(counted(request(), answer({ ...http, code: 200 }))).toEqual({
    "policy_l7_total received http": 1,
    "policy_l7_total forwarded http": 1,
    "http_requests_total GET 200 forwarded": 1,
    "http_request_duration_seconds_count GET": 1,
    "proxy_upstream_reply_seconds_count http": 1,
    proxy_records_lost_total: 0,
  });
});

test("what the proxy itself answers took no server's time", () => {
  const unreachable = answer({ ...http, method: "POST", code: 502 }, { verdict: "error" });
  const garbage = request({ verdict: "error", rules: [], content: { ...http, method: "", code: 400 } });
  expect(counted(deniedRequest(), request(), unreachable, garbage)).toEqual({
    "policy_l7_total received http": 3,
    "policy_l7_total denied http": 1,
    "policy_l7_total forwarded http": 1,
    "policy_l7_total parse_errors http": 1,
    "http_requests_total GET 403 denied": 1,
    "http_requests_total POST 502 error": 1,
    "http_requests_total other 400 error": 1,
    proxy_records_lost_total: 0,
  });
});

test("DNS by type and code, TLS and Kafka by what became of them", () => {
  expect(
    counted(
      request({ content: dns }),
      answer({ ...dns, rcode: 3 }),
      deniedRequest({ content: { ...dns, qtypes: ["TYPE65280"] } }),
      deniedRequest({ content: tls }),
      request({ content: kafka }),
    ),
  ).toEqual({
    "policy_l7_total received dns": 2,
    "policy_l7_total forwarded dns": 1,
    "policy_l7_total denied dns": 1,
    "policy_l7_total received tls": 1,
    "policy_l7_total denied tls": 1,
    "policy_l7_total received kafka": 1,
    "policy_l7_total forwarded kafka": 1,
    "dns_queries_total A forwarded": 1,
    "dns_queries_total other denied": 1,
    "dns_responses_total NXDOMAIN": 1,
    "proxy_upstream_reply_seconds_count dns": 1,
    proxy_records_lost_total: 0,
  });
});

test("whatever pods ask and servers answer, there are no more series than the documentation says", () => {
  const requests = new ProxiedRequests();
  const verdicts = ["forwarded", "denied", "error"] as const;
  for (const verdict of verdicts) {
    for (let code = 0; code < 1200; code++) {
      for (const method of ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "BREW"]) {
        requests.add(answer({ ...http, method, code }, { verdict }));
      }
      requests.add(request({ verdict, content: { ...http, method: `M${code}` } }));
      requests.add(request({ verdict, content: { ...dns, qtypes: [`TYPE${code}`] } }));
      requests.add(answer({ ...dns, rcode: code, qtypes: [] }, { verdict }));
    }
    for (const type of ["A", "AAAA", "CNAME", "HTTPS", "MX", "NS", "PTR", "SOA", "SRV", "SVCB", "TXT"]) {
      requests.add(request({ verdict, content: { ...dns, qtypes: [type] } }));
    }
    for (const content of [tls, kafka]) {
      requests.add(request({ verdict, content }));
      requests.add(answer(content, { verdict }));
    }
  }
  for (const { name, samples, type } of requests.families()) {
    const series = type === "histogram" ? samples.filter((sample) => sample.name.endsWith("_count")) : samples;
    expect([name, series.length]).toEqual([name, Number.parseInt(metricDefinitions[name]?.series ?? "", 10)]);
  }
});

test("requests that nobody was told of are counted", () => {
  const requests = new ProxiedRequests();
  requests.lost(3);
  requests.lost(4);
  expect(seriesOf(requests)).toEqual({ proxy_records_lost_total: 7 });
});
