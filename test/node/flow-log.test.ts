import { existsSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Flow, FlowLine } from "#agent/api/flow.ts";
import type { StatusView } from "#agent/api/views.ts";
import { until } from "#agent/local/until.ts";
import { metricValues } from "#test/support/metric-values.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { SmallDisk } from "#test/support/small-disk.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({
  objects: {
    "server.yaml": networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ ports: [{ port: 80 }] }] }),
  },
});
const pods = usePods(node, ["server", "client"]);
let path: string;

prepare(async () => {
  path = join(node().folder, "flows.json");
  await restart("--flow-log", path, "--flow-log-filter", "port=80&port=81");
});

async function restart(...args: readonly string[]): Promise<void> {
  await node().agent.stop();
  await node().startAgent({ args });
}

const attempt = (port: number) =>
  pods.client.traffic.attempt({ protocol: "TCP", address: pods.server.ipv4, port }, { timeout: 200 });
const linesOf = (file: string): FlowLine[] =>
  readFileSync(file, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as FlowLine);
const verdictsOf = (file: string): Flow[] =>
  linesOf(file).filter((line): line is Flow => "uuid" in line && line.event_type.type === 5);

test("the file has the flows that match, the same that observe shows", async () => {
  for (const port of [80, 81, 82]) await attempt(port);
  await until("two judgements in the file", () => verdictsOf(path).length === 2);
  expect(statSync(path).mode & 0o777).toBe(0o640);
  const flows = verdictsOf(path);
  expect(flows.map(({ verdict }) => verdict)).toEqual(["FORWARDED", "DROPPED"]);
  const { stdout } = await node().weir("observe", "-o", "json");
  const observed = stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Flow);
  for (const flow of flows) expect(observed.find(({ uuid }) => uuid === flow.uuid)).toEqual(flow);
});

test("who moves the file away gets a new one, and metrics count", async () => {
  const before = verdictsOf(path).length;
  renameSync(path, `${path}.moved`);
  await attempt(81);
  await until("a new file", () => existsSync(path) && verdictsOf(path).length === 1);
  expect(verdictsOf(`${path}.moved`)).toHaveLength(before);
  const metrics = await metricValues(node());
  expect(metrics.get('weir_flow_exported_total{exporter="file"}')).toBe(
    linesOf(path).length + linesOf(`${path}.moved`).length,
  );
  expect(metrics.get('weir_flow_export_lost_total{exporter="file"}')).toBe(0);
  expect(metrics.get('weir_flow_export_up{exporter="file"}')).toBe(1);
});

test("a full disk degrades the status and stops nobody; when there is room it is over by itself", async () => {
  using disk = new SmallDisk("4k");
  const file = disk.join("flows.json");
  await restart("--flow-log", file);
  await until("a full disk", async () => {
    await attempt(80);
    return (await status()).problems.some((problem) =>
      problem.startsWith(`flows cannot be written to ${file}: ENOSPC`),
    );
  });
  expect(await attempt(80)).toBe("refused");
  disk.resize("1m");
  await until("no problem", async () => (await status()).state === "ok");
  // No line is torn.
  expect(verdictsOf(file).length).toBeGreaterThan(0);
  await node().agent.stop();
});

test("an agent whose file can be in no folder says so and does not start", async () => {
  const { code, stderr } = await node().weir("agent", ...node().agentOptions, "--flow-log", "/nowhere/flows.json");
  expect(code).toBe(1);
  expect(stderr).toContain("open /nowhere/flows.json for flows: ENOENT");
  expect(stderr).toContain("name a file in a folder that is there");
});

test("a filter that is none is refused by its name", async () => {
  const filter = ["--flow-log", path, "--flow-log-filter", "verdict=MAYBE"];
  const { code, stderr } = await node().weir("agent", ...node().agentOptions, ...filter);
  expect(code).toBe(1);
  expect(stderr).toContain("read --flow-log-filter: verdict");
});

const status = (): Promise<StatusView> => node().read<StatusView>("status");
