import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type DatapathEvent, datapathEvent } from "#agent/api/event-views.ts";
import type { Flow } from "#agent/api/flow.ts";
import { endOf, portsOf } from "#agent/local/flow-log.ts";
import { until } from "#agent/local/until.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({
  objects: { "closed.yaml": networkPolicy({ name: "closed", selects: { app: "closed" }, ingress: [] }) },
  // Which flows there are depends on no clock.
  args: ["--trace-interval", "0s"],
});
const pods = usePods(node, ["open", "closed", "client", "far"], { far: { namespace: "away" } });
let started: string;

prepare(async () => {
  await pods.open.traffic.serve("TCP", 80);
  await pods.open.traffic.serve("UDP", 53);
  await expectTraffic(pods.client, pods.open, 80, "answered");
  await expectTraffic(pods.client, pods.closed, 80, "silent");
  started = new Date().toISOString();
  await expectTraffic(pods.far, pods.open, 53, "answered", { protocol: "UDP" });
  await expectTraffic(pods.far, pods.open.ipv6, 80, "answered");
  // Events come a moment after their packets.
  await until("all flows", async () => new Set((await observe()).map(text)).size === 4);
});

const text = (flow: Flow): string => {
  const ports = portsOf(flow);
  return `${flow.verdict} ${endOf(flow, "source")} ${endOf(flow, "destination")} ${ports?.protocol} ${ports?.destination}`;
};
const web = "FORWARDED default/client default/open TCP 80";
const denied = "DROPPED default/client default/closed TCP 80";
const names = "FORWARDED away/far default/open UDP 53";
const web6 = "FORWARDED away/far default/open TCP 80";

async function observe(...args: readonly string[]): Promise<Flow[]> {
  const { code, stdout, stderr } = await node().weir("observe", "-o", "json", ...args);
  expect([code, stderr]).toEqual([0, ""]);
  const lines = stdout.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Flow);
}

test.for<[args: () => readonly string[], wanted: readonly string[]]>([
  [() => [], [web, denied, names, web6]],
  [() => ["--verdict", "DROPPED"], [denied]],
  [() => ["--verdict", "FORWARDED"], [web, names, web6]],
  [() => ["--pod", "default/closed"], [denied]],
  [() => ["--pod", "default/closed", "--pod", "away/far"], [denied, names, web6]],
  [() => ["--pod", "default/open", "--pod", "default/closed", "--namespace", "away"], [names, web6]],
  [() => ["--port", "53"], [names]],
  [() => ["--protocol", "TCP", "--namespace", "away"], [web6]],
  [() => ["--ip", pods.closed.ipv4], [denied]],
  [() => ["--ip", "fd00:77::/64"], [web6]],
  [() => ["--since", started], [names, web6]],
  [() => ["--verdict", "DROPPED", "--port", "53"], []],
])("observe, case %#", async ([args, wanted]) => {
  const seen = new Set((await observe(...args())).map(text));
  expect([args(), [...seen].toSorted()]).toEqual([args(), wanted.toSorted()]);
});

test("--last gives the newest", async () => {
  const all = await observe();
  expect(await observe("--last", "1")).toEqual(all.slice(-1));
});

test("a denial names the reason, the end that denied, and what came nearest to letting it through", async () => {
  const [flow] = await observe("--verdict", "DROPPED");
  expect(flow).toMatchObject({
    drop_reason: 133,
    drop_reason_desc: "POLICY_DENIED",
    traffic_direction: "INGRESS",
    node_name: "node",
    source: { pod_name: "client", namespace: "default" },
    weir: {
      rules: [],
      denied: "ingress",
      nearest: { name: "closed", rule: "ingress", file: "closed.yaml", line: 1, because: "has no ingress rules" },
    },
  });
});

test("--follow shows flows as they come, until it is interrupted", async () => {
  const [program = "", ...args] = node().namespace.enter([
    join(node().lab.dist, "weir"),
    "--run-dir",
    node().runDir,
    "observe",
    "--follow",
    "--port",
    "81",
    "-o",
    "json",
  ]);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  using _tracked = node().lab.track(child.pid ?? 0);
  const exited = once(child, "exit");
  let seen = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => (seen += part));
  // Again and again, because nothing says when the command has begun to follow.
  await until("the flow", async () => {
    await expectTraffic(pods.client, pods.open, 81, "refused");
    return seen.includes("\n");
  });
  expect(text(JSON.parse(seen.split("\n", 1)[0] ?? "") as Flow)).toBe("FORWARDED default/client default/open TCP 81");
  child.kill("SIGINT");
  expect(await exited).toEqual([0, null]);
});

test("an address that is none is bad input", async () => {
  const { code, stderr } = await node().weir("observe", "--ip", "foo");
  expect(stderr).toContain("foo is neither an address nor a CIDR");
  expect(code).toBe(2);
});

test("monitor has the same events as the kernel told them, those of one endpoint and no others", async () => {
  const closed = (await node().client.endpoints()).find(({ pod }) => pod === "closed")?.id ?? 0;
  const monitor = async (...args: readonly string[]): Promise<DatapathEvent[]> => {
    const { code, stdout, stderr } = await node().weir("monitor", "--kept", "-o", "json", ...args);
    expect([code, stderr]).toEqual([0, ""]);
    const lines = stdout.split("\n").filter((line) => line !== "");
    return lines.map((line) => datapathEvent.parse(JSON.parse(line)));
  };
  const all = await monitor();
  const isRelated = ({ ends }: DatapathEvent): boolean =>
    ends.source.endpoint === closed || ends.destination.endpoint === closed;
  const related = await monitor("--related-to", String(closed));
  expect(related.length).toBeGreaterThan(0);
  expect(related).toEqual(all.filter(isRelated));
  expect(new Set(related.map(({ reason }) => reason))).toEqual(new Set(["POLICY_DENIED"]));
});
