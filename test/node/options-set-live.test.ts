import { expect, test } from "vitest";
import type { OptionView } from "#agent/api/config-views.ts";
import type { BpfEndpoint, BpfPolicyEntry } from "#agent/api/bpf-views.ts";
import type { Flow } from "#agent/api/flow.ts";
import type { StagedView } from "#agent/api/policy-views.ts";
import type { StatusView } from "#agent/api/views.ts";
import { FlowLog } from "#agent/local/flow-log.ts";
import { until } from "#agent/local/until.ts";
import { expectTraffic, targetOf } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { goesOn, received } from "#test/support/stream.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({
  objects: {
    "server.yaml": networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ from: [app("client")] }] }),
  },
});
const pods = usePods(node, ["server", "client", "stranger"]);

prepare(async () => {
  for (const pod of Object.values(pods)) await pod.traffic.serve("TCP", 80);
});

const config = async (...args: string[]): Promise<void> => {
  const { code, stderr } = await node().weir("config", ...args);
  expect([code, stderr]).toEqual([0, ""]);
};

type Outcome = "answered" | "silent";

/** Of the client and of the stranger to the server, and of the server to the client; and that the kernel has just that. */
async function expectVerdicts(client: Outcome, stranger: Outcome, back: Outcome): Promise<void> {
  await Promise.all([
    expectTraffic(pods.client, pods.server, 80, client),
    expectTraffic(pods.client, pods.server.ipv6, 80, client),
    expectTraffic(pods.stranger, pods.server, 80, stranger),
    expectTraffic(pods.server, pods.client, 80, back),
  ]);
  const { code, stdout } = await node().weir("policy", "verify");
  expect([code, stdout]).toEqual([0, expect.stringContaining("equal at revision") as string]);
}

/** What the kernel holds for the pod, without the numbers of slots and rules. */
async function entriesOf(pod: keyof typeof pods): Promise<string[]> {
  const endpoint = (await node().client.endpoints()).find((one) => one.pod === pod);
  const records = await node().read<BpfEndpoint[]>("bpf", "endpoints", "list");
  const slot = records.find(({ id }) => id === endpoint?.id)?.policy[0];
  const entries = await node().read<BpfPolicyEntry[]>("bpf", "policy", "list");
  return entries
    .filter((entry) => entry.slot === slot)
    .map(({ direction, peer, port, verdict }) => `${direction} ${peer === 0 ? "any" : "pod"} ${port} ${verdict}`)
    .sort();
}

const free = ["egress any 0 allow", "ingress any 0 allow"];

test("enforcement: each mode at once, and the maps hold what it means", async () => {
  await expectVerdicts("answered", "silent", "answered");
  expect(await entriesOf("client")).toEqual(free);
  expect(await entriesOf("server")).toEqual(["egress any 0 allow", "ingress pod 0 allow"]);

  await config("set", "enforcement", "always");
  await expectVerdicts("silent", "silent", "silent");
  expect(await entriesOf("client")).toEqual([]);
  expect(await entriesOf("server")).toEqual(["ingress pod 0 allow"]);

  await config("set", "enforcement", "never");
  await expectVerdicts("answered", "answered", "answered");
  for (const name of ["client", "server"] as const) expect(await entriesOf(name)).toEqual(free);

  await config("set", "enforcement", "default");
  await expectVerdicts("answered", "silent", "answered");
  expect(await entriesOf("server")).toEqual(["egress any 0 allow", "ingress pod 0 allow"]);
});

test("established streams follow, too", async () => {
  await using stream = await pods.client.traffic.stream(targetOf(pods.server, 80));
  await goesOn(stream);
  await config("set", "enforcement", "always");
  const before = await received(stream);
  await expectVerdicts("silent", "silent", "silent");
  expect(await received(stream)).toBeLessThanOrEqual(before + 1);
  await config("set", "enforcement", "default");
  await goesOn(stream);
});

/** The flow of a connection, as it was judged under what is in force. */
async function flowOf(log: FlowLog, from: string, to: string): Promise<Flow> {
  const generation = String(await node().revision());
  return until(`a flow from ${from} to ${to}`, () =>
    log.since(0).find((flow) => {
      const isOf = flow.source.pod_name === from && flow.destination.pod_name === to && !flow.is_reply;
      return isOf && flow.weir.generation === generation;
    }),
  );
}

const denied = (...directions: string[]): object[] =>
  directions.map((direction) => ({ direction, verdict: "deny", rules: [] }));

test("audit: everything passes, and flows say what would not", async () => {
  await config("set", "audit", "true");
  await using log = new FlowLog(node().client);
  await expectVerdicts("answered", "answered", "answered");
  const wouldPass = await flowOf(log, "client", "server");
  expect([wouldPass.verdict, wouldPass.weir.rules, wouldPass.weir.staged]).toEqual(["FORWARDED", [], undefined]);
  const wouldNot = await flowOf(log, "stranger", "server");
  expect([wouldNot.verdict, wouldNot.weir.rules, wouldNot.weir.staged]).toEqual(["AUDIT", [], denied("ingress")]);

  const { stdout } = await node().weir("observe", "--verdict", "AUDIT");
  expect(stdout).toMatch(/^\S+ {2}AUDIT {6}default\/stranger:\d+ -> default\/server:80 /);
  const counted = (await node().read<StagedView[]>("policy", "staged")).find(({ rule }) => rule === null);
  expect(counted).toMatchObject({ name: "server", denied: 1, allowed: 0 });
  expect(await node().read<StatusView>("status")).toMatchObject({ policy: { audit: true } });
});

test("audit and enforcement always: also what no policy selects would be denied", async () => {
  await config("set", "enforcement", "always");
  await using log = new FlowLog(node().client);
  await expectVerdicts("answered", "answered", "answered");
  const { verdict, weir } = await flowOf(log, "server", "client");
  expect([verdict, weir.staged]).toEqual(["AUDIT", denied("egress", "ingress")]);
});

test("what was set live goes before the flag, over restarts, until it is taken back", async () => {
  await config("unset", "audit");
  await config("set", "enforcement", "never");
  await node().agent.stop();
  await node().startAgent({ args: ["--enforcement", "always"] });
  await expectVerdicts("answered", "answered", "answered");
  expect(await node().read<OptionView>("config", "get", "enforcement")).toEqual({
    name: "enforcement",
    value: "never",
    origin: "live",
    live: true,
    start: { value: "always", origin: "flag" },
  });
  await config("unset", "enforcement");
  await expectVerdicts("silent", "silent", "silent");
  await node().agent.kill();
  await node().startAgent({ args: ["--audit"] });
  await expectVerdicts("answered", "answered", "answered");
});

test("what is no option, or no value of it, is refused, and changes nothing", async () => {
  const revision = await node().revision();
  for (const [args, code, text] of [
    [["enforcement", "sometimes"], 2, "one of default, always, never is wanted"],
    [["log-level", "debug"], 2, "those that can be set live are enforcement, cidr-matches-pods, audit, pod-cidr"],
    [["colour", "red"], 4, "there is no such option"],
  ] as const) {
    const result = await node().weir("config", "set", ...args);
    expect([result.code, result.stderr]).toEqual([code, expect.stringContaining(text) as string]);
  }
  expect(await node().revision()).toBe(revision);
});
