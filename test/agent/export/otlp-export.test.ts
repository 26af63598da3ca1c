import { readFileSync, writeFileSync } from "node:fs";
import { systemClocks } from "libbpf-ts";
import { beforeEach, expect, test } from "vitest";
import { exportSelection } from "#agent/export/export-filter.ts";
import { OtlpExport, type OtlpExportOptions } from "#agent/export/otlp-export.ts";
import { FlowReader } from "#agent/flows/reader.ts";
import { FlowRing } from "#agent/flows/ring.ts";
import { until } from "#agent/local/until.ts";
import { SystemClock } from "#agent/runtime/clock.ts";
import { addEvent, denial, event, FakeContext, lineOf, query } from "#test/agent/flows/fixture.ts";
import {
  addRequest,
  answer,
  deniedRequest,
  dns,
  http,
  kafka,
  request,
  tls,
} from "#test/agent/flows/request-fixture.ts";
import { CertificateAuthority } from "#test/support/certificates.ts";
import { OtlpCollector } from "#test/support/otlp-collector.ts";
import { silentLog } from "#test/support/silent-log.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

/** The system's, on which a second of waiting is soon over; it knows how long it was asked to wait. */
class HastyClock extends SystemClock {
  readonly waits: number[] = [];

  constructor() {
    super(systemClocks);
  }
  override setTimeout(callback: () => void, milliseconds: number): Disposable {
    this.waits.push(milliseconds);
    return super.setTimeout(callback, milliseconds / 50);
  }
}

let folder: TemporaryFolder;
let collector: OtlpCollector;
beforeEach(async () => {
  folder = new TemporaryFolder();
  collector = await OtlpCollector.start();
  return async () => {
    await collector[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
    expect(collector.faults).toEqual([]);
  };
});

/** An exporter that runs, and the ring that it reads. */
class Running implements AsyncDisposable {
  readonly ring: FlowRing;
  readonly reader: FlowReader;
  readonly exporter: OtlpExport;
  readonly clock = new HastyClock();
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(options: Partial<OtlpExportOptions> = {}, capacity = 4096) {
    const context = new FakeContext();
    const selection = exportSelection("otlp-filter", null, context);
    const files = { headersFile: null, caFile: null };
    const endpoint = options.endpoint ?? collector.url;
    const rest = { endpoint, nodeName: "n1", selection, clock: this.clock, log: silentLog() };
    this.ring = new FlowRing(context, capacity);
    this.reader = new FlowReader(this.ring, context);
    this.exporter = new OtlpExport({ ...rest, ...files, ...options });
    this.#done = this.exporter.run(this.reader, this.#stop.signal);
  }
  add(...ports: readonly number[]): void {
    for (const sourcePort of ports) addEvent(this.ring, event({ sourcePort }));
  }
  /** Flows are where they were to go, or lost. */
  async settled(): Promise<void> {
    await until("all flows", () => {
      const { exported, lost } = this.exporter.counts;
      return exported + lost === this.ring.next;
    });
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
    this.exporter[Symbol.dispose]();
  }
}

const portsOf = (one: OtlpCollector): unknown[] => one.records.map(({ attributes }) => attributes["source.port"]);
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

test("a flow is a record with the field's attributes, and the name that it has as JSON", async () => {
  await using running = new Running();
  running.add(40_000);
  addEvent(running.ring, denial());
  await running.settled();
  const [request] = collector.requests;
  expect(request?.path).toBe("/v1/logs");
  expect(request?.headers).toMatchObject({ "content-type": "application/json", "content-encoding": "gzip" });
  expect(request?.resource).toMatchObject({ "service.name": "weir", "k8s.node.name": "n1" });
  const lines = [];
  for await (const batch of running.reader.read(query(), new AbortController().signal))
    lines.push(...batch.map(lineOf));
  const uuids = lines.flatMap((line) => ("uuid" in line ? [line.uuid] : []));
  expect(collector.records.map(({ attributes }) => attributes["weir.flow.uuid"])).toEqual(uuids);
  const [allowed, denied] = collector.records;
  expect(allowed).toMatchObject({ severity: "INFO 9", event: "weir.flow" });
  expect(denied).toEqual({
    severity: "WARN 13",
    event: "weir.flow",
    time: "1769860800000000001",
    body: "DROPPED shop/web-1:40000 -> shop/db-0:5432 TCP: no rule allows it",
    attributes: {
      "source.address": "10.0.0.7",
      "source.port": 40_000,
      "destination.address": "10.0.0.8",
      "destination.port": 5432,
      "network.type": "ipv4",
      "network.transport": "tcp",
      "k8s.namespace.name": "shop",
      "k8s.pod.name": "db-0",
      "source.k8s.namespace.name": "shop",
      "source.k8s.pod.name": "web-1",
      "weir.source.identity": 20481,
      "weir.source.labels": ["k8s:app=web", "k8s:io.kubernetes.pod.namespace=shop"],
      "destination.k8s.namespace.name": "shop",
      "destination.k8s.pod.name": "db-0",
      "weir.destination.identity": 20482,
      "weir.destination.labels": ["k8s:app=db"],
      "weir.flow.uuid": uuids[1],
      "weir.flow.event_type": 5,
      "weir.flow.direction": "ingress",
      "weir.flow.is_reply": false,
      "weir.verdict": "DROPPED",
      "weir.drop_reason": "POLICY_DENIED",
      "weir.reason": "no rule allows it",
      "weir.isolated_by": ["NetworkPolicy shop/db (db.yaml:9)"],
      "weir.nearest": "NetworkPolicy shop/db ingress[0] (db.yaml:9): port 5432 is not 5433",
      "weir.denied": "ingress",
      "weir.policy.revision": 41,
    },
  });
});

test("a request has the attributes of the conventions for HTTP, DNS, TLS and messages", async () => {
  await using running = new Running();
  addRequest(running.ring, answer({ ...http, code: 200 }));
  addRequest(running.ring, answer({ ...dns, ips: ["192.0.2.1"], ttl: 60, rcode: 3 }));
  addRequest(running.ring, deniedRequest({ content: tls }));
  addRequest(running.ring, request({ content: kafka }));
  await running.settled();
  expect(collector.records).toMatchObject([
    {
      severity: "INFO 9",
      body: "FORWARDED shop/db-0:80 -> shop/web-1:40000 HTTP/1.1 200 3ms (GET http://db.shop/items?id=7): allowed by rule; NetworkPolicy shop/web egress[0] (web.yaml:14); NetworkPolicy shop/db ingress[0] (db.yaml:9)",
      attributes: {
        "network.protocol.name": "http",
        "network.protocol.version": "1.1",
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.full": "http://db.shop/items?id=7",
        "weir.l7.type": "RESPONSE",
        "weir.l7.latency_ns": 3_000_000,
        "weir.flow.event_type": 129,
      },
    },
    {
      attributes: {
        "network.protocol.name": "dns",
        "dns.question.name": "api.example.com.",
        "dns.question.type": ["A"],
        "dns.answers": ["192.0.2.1"],
        "dns.response_code": 3,
      },
    },
    {
      severity: "WARN 13",
      attributes: {
        "network.protocol.name": "tls",
        "tls.client.server_name": "api.example.com",
        "weir.verdict": "DROPPED",
        "weir.nearest": "NetworkPolicy shop/db ingress[0] (db.yaml:9): tls is not what it asks for",
      },
    },
    {
      attributes: {
        "network.protocol.name": "kafka",
        "messaging.destination.name": "orders,audit",
        "messaging.operation.name": "produce",
        "messaging.client.id": "billing",
      },
    },
  ]);
});

test("many flows are few requests, of a thousand records at most, each flow once", async () => {
  await using running = new Running();
  running.add(...numbers(2500));
  await running.settled();
  expect(portsOf(collector)).toEqual(numbers(2500));
  expect(collector.requests.length).toBeLessThan(12);
  expect(Math.max(...collector.requests.map(({ records }) => records.length))).toBeLessThanOrEqual(1000);
  expect(running.exporter.counts).toEqual({ exported: 2500, lost: 0 });
});

test("only those that match are sent", async () => {
  await using running = new Running({ selection: exportSelection("otlp-filter", "port=2", new FakeContext()) });
  running.add(1, 2, 3);
  await until("one", () => running.exporter.counts.exported === 1);
  expect(portsOf(collector)).toEqual([2]);
});

test.each([429, 502, 503, 504])(
  "after status %i the same is sent again, and not before the collector says",
  async (status) => {
    collector.answers.push({ status, headers: { "retry-after": "90" } });
    await using running = new Running();
    running.add(1);
    await until("a problem", () => running.exporter.problem !== null);
    expect(running.exporter.problem).toContain(`answers with status ${status}`);
    await running.settled();
    expect(portsOf(collector)).toEqual([1]);
    expect(running.clock.waits).toContain(90_000);
    expect(running.exporter).toMatchObject({ problem: null, counts: { exported: 1, lost: 0 } });
  },
);

test.each([400, 401, 404, 413, 500, 302])(
  "after status %i the same is not sent again: it is lost, and what comes later is sent",
  async (status) => {
    collector.answers.push({ status });
    await using running = new Running();
    running.add(1);
    await until("a loss", () => running.exporter.counts.lost === 1);
    expect(running.exporter.problem).toContain(`answers with status ${status}`);
    running.add(2);
    await running.settled();
    expect(portsOf(collector)).toEqual([2]);
    expect(running.exporter).toMatchObject({ problem: null, counts: { exported: 1, lost: 1 } });
  },
);

test("what a collector says that it did not take is lost, and a problem", async () => {
  const body = JSON.stringify({ partialSuccess: { rejectedLogRecords: "2", errorMessage: "too old" } });
  collector.answers.push({ status: 200, body });
  await using running = new Running();
  running.add(1, 2, 3);
  await running.settled();
  expect(running.exporter.counts).toEqual({ exported: 1, lost: 2 });
  expect(running.exporter.problem).toContain("it did not take 2 of 3 records: too old");
});

test.each(["not JSON", "[1]", '{"partialSuccess":{"rejectedLogRecords":-3}}', '{"partialSuccess":7}'])(
  "an answer %j is a success all the same",
  async (body) => {
    collector.answers.push({ status: 200, body });
    await using running = new Running();
    running.add(1);
    await running.settled();
    expect(running.exporter).toMatchObject({ problem: null, counts: { exported: 1, lost: 0 } });
  },
);

test("a collector that is away holds nobody up: what the ring has no room for is counted, in a record too", async () => {
  const { url } = collector;
  await collector[Symbol.asyncDispose]();
  await using running = new Running({ endpoint: url }, 256);
  running.add(1);
  await until("a problem", () => running.exporter.problem !== null);
  expect(running.exporter.problem).toMatch(/ECONNREFUSED/);
  for (let round = 0; round < 20; round++) {
    running.add(...numbers(200));
    await until("a moment for others", () => true);
  }
  collector = await OtlpCollector.start(null, Number(url.port));
  await until("it is back", () => running.exporter.problem === null);
  running.add(65_000);
  await running.settled();
  const lost = collector.records.filter(({ event: name }) => name === "weir.flows_lost");
  const count = lost.reduce((sum, { attributes }) => sum + Number(attributes["weir.lost.flows"]), 0);
  expect(running.exporter.counts.lost).toBeGreaterThan(0);
  expect(running.exporter.counts.lost).toBe(count);
  expect(running.exporter.counts.exported).toBe(collector.records.length - lost.length);
}, 60_000);

test("an agent that stops sends what it has, and does not wait for a collector that hangs", async () => {
  const running = new Running();
  running.add(1, 2);
  await until("both read", () => running.ring.next === 2);
  await running[Symbol.asyncDispose]();
  expect(portsOf(collector)).toEqual([1, 2]);

  collector.answers.push("hang", "hang", "hang");
  const other = new Running();
  other.add(3);
  await until("it hangs", () => collector.answers.length < 3);
  await other[Symbol.asyncDispose]();
  expect(other.exporter.counts).toEqual({ exported: 0, lost: 1 });
});

test("headers come from a file, and a secret that was changed is read when the old is refused", async () => {
  const headersFile = folder.join("headers");
  writeFileSync(headersFile, "# of the collector\n\nAuthorization: Bearer old\nX-Scope-OrgID: 7\n");
  await using running = new Running({ headersFile });
  running.add(1);
  await running.settled();
  expect(collector.requests[0]?.headers).toMatchObject({ authorization: "Bearer old", "x-scope-orgid": "7" });
  writeFileSync(headersFile, "Authorization: Bearer new\n");
  collector.answers.push({ status: 401 });
  running.add(2);
  await until("a refusal", () => running.exporter.counts.lost === 1);
  running.add(3);
  await running.settled();
  expect(collector.requests.at(-1)?.headers).toMatchObject({ authorization: "Bearer new" });
});

test.each([
  ["no colon", /line 1 is no header; a line is like Name: value/],
  ["Na me: x", /line 1 is no header/],
  ["X: \u0007secret", /line 1 is no header/],
  ["Content-Type: text/plain", /line 1: Content-Type is not for others to say/],
])("a file of headers with %j is refused without its text", (text, message) => {
  writeFileSync(folder.join("headers"), text);
  const start = (): unknown => new Running({ headersFile: folder.join("headers") });
  expect(start).toThrow(message);
  expect(start).not.toThrow(/secret|text\/plain/);
});

test("by TLS only a collector whose certificate is signed by whom one trusts gets flows", async () => {
  const authority = new CertificateAuthority(folder.path, "authority");
  const { certificate, key } = authority.sign("collector");
  const tls = { cert: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") };
  await using secure = await OtlpCollector.start(tls);
  await using stranger = new Running({ endpoint: secure.url });
  stranger.add(1);
  await until("a problem", () => stranger.exporter.problem !== null);
  expect(stranger.exporter.problem).toMatch(/certificate/);
  await using running = new Running({ endpoint: secure.url, caFile: authority.certificate });
  running.add(2);
  await running.settled();
  expect(portsOf(secure)).toEqual([2]);
});

test("a file that is missing is told at the start", () => {
  expect(() => new Running({ caFile: folder.join("none") })).toThrow(/read certificates from .*none: ENOENT/);
  expect(() => new Running({ headersFile: folder.join("none") })).toThrow(/read headers from .*none: ENOENT/);
});
