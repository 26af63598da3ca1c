import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Flow, FlowLine } from "#agent/api/flow.ts";
import type { OptionView } from "#agent/api/config-views.ts";
import type { StatusView } from "#agent/api/views.ts";
import { until } from "#agent/local/until.ts";
import { metricValues } from "#test/support/metric-values.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { OtlpCollectorProcess } from "#test/support/otlp-collector-process.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({
  objects: {
    "server.yaml": networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ ports: [{ port: 80 }] }] }),
  },
});
const pods = usePods(node, ["server", "client"]);
let collector: OtlpCollectorProcess;

prepare(async () => {
  collector = await OtlpCollectorProcess.start(node().namespace);
  const headers = join(node().folder, "headers");
  writeFileSync(headers, "Authorization: Bearer hush\n");
  const args = ["--otlp-endpoint", collector.url, "--otlp-headers-file", headers, "--otlp-filter", "protocol=TCP"];
  await node().agent.stop();
  await node().startAgent({ args });
});
afterAll(() => collector?.[Symbol.asyncDispose]());

const attempt = (port: number) =>
  pods.client.traffic.attempt({ protocol: "TCP", address: pods.server.ipv4, port }, { timeout: 200 });
const records = () => collector.requests.flatMap((request) => request.records);
const status = (): Promise<StatusView> => node().read<StatusView>("status");

test("the collector gets the flows that match, by the names that observe has for them", async () => {
  for (const port of [80, 81]) await attempt(port);
  const verdicts = () => records().filter(({ attributes }) => attributes["weir.flow.event_type"] === 5);
  await until("two judgements", () => verdicts().length === 2);
  expect(verdicts().map(({ severity }) => severity)).toEqual(["INFO 9", "WARN 13"]);
  expect(verdicts()[1]?.attributes).toMatchObject({
    "source.k8s.pod.name": "client",
    "k8s.pod.name": "server",
    "destination.port": 81,
    "weir.isolated_by": [expect.stringMatching(/^NetworkPolicy default\/server \(server.yaml:\d+\)$/)],
    "weir.nearest": expect.stringContaining("port 81 is not 80") as unknown,
  });
  expect(collector.requests[0]).toMatchObject({
    path: "/v1/logs",
    headers: { authorization: "Bearer hush" },
    resource: { "service.name": "weir", "k8s.node.name": node().name },
  });
  const { stdout } = await node().weir("observe", "--protocol", "TCP", "-o", "json");
  const lines = stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as FlowLine);
  const uuids = lines.filter((line): line is Flow => "uuid" in line).map(({ uuid }) => uuid);
  const sent = records().map(({ attributes }) => attributes["weir.flow.uuid"]);
  expect(sent).toEqual(uuids.slice(0, sent.length));
});

test("the secret is in no list of options", async () => {
  const options = await node().read<OptionView[]>("config", "get");
  expect(options.find(({ name }) => name === "otlp-headers-file")?.value).toContain("headers");
  expect(JSON.stringify(options)).not.toContain("hush");
});

test("a collector that hangs degrades the status, and no more; when it goes on so do the flows", async () => {
  const before = records().length;
  collector.stop();
  expect(await attempt(80)).toBe("refused");
  await until("a problem", async () =>
    (await status()).problems.some((problem) =>
      problem.startsWith(`flows do not reach the collector ${collector.url}`),
    ),
  );
  expect((await metricValues(node())).get('weir_flow_export_up{exporter="otlp"}')).toBe(0);
  expect(await attempt(80)).toBe("refused");
  collector.goOn();
  await until("no problem", async () => (await status()).state === "ok", { within: 60_000 });
  await until("the flows", () => records().length > before);
  const metrics = await metricValues(node());
  expect(metrics.get('weir_flow_export_lost_total{exporter="otlp"}')).toBe(0);
}, 90_000);
