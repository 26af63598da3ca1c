import { expect, test } from "vitest";
import type { Flow } from "#agent/api/flow.ts";
import type { Evaluation } from "#agent/api/policy-views.ts";
import type { Trace } from "#agent/api/trace-views.ts";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { mustRun } from "#agent/local/command.ts";
import { until } from "#agent/local/until.ts";
import { targetOf } from "#test/support/expect-traffic.ts";
import { decodePacket } from "#test/support/decode-packet.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { ciliumPolicy, labelled } from "#test/support/object-text.ts";
import { PacketSocket } from "#test/support/packet-socket.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const web = { protocol: "TCP", port: 80 } as const;
const policies = {
  "server.yaml": networkPolicy({
    name: "server",
    selects: { app: "server" },
    ingress: [{ from: [app("client"), app("limited")], ports: [web, { protocol: "UDP", port: 53 }] }],
  }),
  "guarded.yaml": ciliumPolicy("guarded", {
    ingress: [{ fromEndpoints: [{}] }],
    ingressDeny: [{ fromEndpoints: [labelled("client")] }],
  }),
  "stranger.yaml": networkPolicy({
    name: "stranger",
    selects: { app: "stranger" },
    egress: [{ to: [app("guarded")] }],
  }),
};
const node = useNode({ objects: policies });
// "limited" has a bandwidth: its packets go by the node's stack, and meet both programs.
const pods = usePods(node, ["server", "guarded", "client", "stranger", "limited"], {
  limited: { config: { runtimeConfig: { bandwidth: { egressRate: 1_000_000_000, egressBurst: 1_000_000_000 } } } },
});

prepare(async () => {
  for (const pod of [pods.server, pods.guarded]) {
    for (const port of [53, 80, 81])
      for (const protocol of ["TCP", "UDP"] as const) await pod.traffic.serve(protocol, port);
  }
});

const traced = (...args: string[]): Promise<Trace> => node().read<Trace>("trace", ...args);
const name = (pod: LabPod): string => `default/${pod.name}`;

const protocols = ["TCP", "UDP"] as const;
type Name = keyof typeof pods;
const cases = (["client", "stranger", "limited"] as const).flatMap((from) =>
  (["server", "guarded"] as const).flatMap((to) =>
    protocols.flatMap((protocol) =>
      [53, 80].map((port): [Name, Name, "TCP" | "UDP", number] => [from, to, protocol, port]),
    ),
  ),
);

test.each(cases)(
  "%s to %s, %s %i: the trace, policy and a real packet say the same",
  async (from, to, protocol, port) => {
    const ends = [pods[to].ipv4, `[${pods[to].ipv6}]`];
    const question = [
      "--from",
      name(pods[from]),
      "--to",
      name(pods[to]),
      "--protocol",
      protocol,
      "--port",
      String(port),
    ];
    const evaluation = await node().read<Evaluation>("policy", "eval", ...question);
    for (const [i, end] of ends.entries()) {
      const trace = await traced("--from", name(pods[from]), "--to", `${end}:${port}`, "--protocol", protocol);
      expect(trace.differences).toEqual([]);
      for (const direction of ["egress", "ingress"] as const) {
        const { verdict, by, nearest, isolatedBy } = evaluation[direction];
        expect([direction, trace[direction].verdict, trace[direction].by]).toEqual([direction, verdict, by]);
        expect(trace[direction].nearest).toEqual(nearest);
        expect(trace[direction].isolatedBy).toEqual(isolatedBy);
      }
      expect(trace.verdict).toBe(evaluation.verdict);
      const target = targetOf(i === 0 ? pods[to].ipv4 : pods[to].ipv6, port, protocol);
      const isAllowed = evaluation.verdict === "allow";
      expect(await pods[from].traffic.attempt(target, { timeout: isAllowed ? 5000 : 300 })).toBe(
        isAllowed ? "answered" : "silent",
      );
    }
  },
);

test("a denial says which rule came nearest, or which one denies", async () => {
  const byDefault = await traced("--from", name(pods.client), "--to", `${name(pods.server)}:81`);
  expect(byDefault).toMatchObject({
    dropReason: "POLICY_DENIED",
    ingress: { by: [], nearest: { file: "server.yaml", rule: "ingress[0]", because: expect.stringContaining("81") } },
  });
  const byRule = await traced("--from", name(pods.client), "--to", `${name(pods.guarded)}:81`);
  expect(byRule).toMatchObject({
    dropReason: "POLICY_DENY",
    ingress: { by: [{ rule: "ingressDeny[0]" }], nearest: null },
  });
});

test("a packet that goes by the stack meets the programs of both pods", async () => {
  const { steps, outcome } = await traced("--from", name(pods.limited), "--to", `${name(pods.server)}:80`);
  expect(steps.map(({ program }) => program?.name ?? "stack")).toEqual(["pod_egress", "stack", "pod_ingress"]);
  expect(steps.map((step) => step.outcome)).toEqual(["next", "next", "next"]);
  expect(outcome).toMatch(/^delivered to pod default\/server by weir/);
});

test("nobody is traced but as who he is", async () => {
  const byName = await traced("--from", name(pods.client), "--to", `${name(pods.server)}:80`);
  const byAddress = await traced("--from", pods.client.ipv4, "--to", `${name(pods.server)}:80`);
  expect(byAddress).toMatchObject({ verdict: "allow", packet: { source: pods.client.ipv4 } });
  expect(byAddress.steps.map((step) => step.interface)).toEqual(byName.steps.map((step) => step.interface));
  // The frame begins with the MAC addresses of the veth's host side, and of the pod.
  const link = JSON.parse(await mustRun(pods.client.namespace.enter(["ip", "-j", "link", "show", "eth0"]))) as {
    address: string;
  }[];
  expect(byAddress.packet.frame.slice(12, 24)).toBe(link[0]?.address.replaceAll(":", ""));
});

test("an echo is judged by its type", async () => {
  const trace = await traced("--from", name(pods.client), "--to", name(pods.guarded), "--protocol", "ICMP");
  expect(trace).toMatchObject({ verdict: "deny", packet: { protocol: "ICMP", destinationPort: 0 }, differences: [] });
  const other = await traced("--from", name(pods.client), "--to", `[${pods.stranger.ipv6}]`, "--protocol", "ICMP");
  expect(other).toMatchObject({ verdict: "allow", packet: { protocol: "ICMPv6" }, differences: [] });
});

test("a known connection's packet passes by what was kept of it", async () => {
  const target = targetOf(pods.server, 80);
  await using _stream = await pods.client.traffic.stream(target);
  const [connection] = await until("the connection", async () => {
    const all = await node().client.bpf("conntrack");
    const found = all.filter(
      (one) => one.source === pods.client.ipv4 && one.destinationPort === 80 && one.seenReply && !one.closing,
    );
    return found.length > 0 ? found : undefined;
  });
  const args = [
    "--from",
    name(pods.client),
    "--to",
    `${name(pods.server)}:80`,
    "--source-port",
    String(connection?.sourcePort),
  ];
  const trace = await traced(...args, "--flags", "ACK");
  expect(trace).toMatchObject({ verdict: "allow", ingress: { by: [{ file: "server.yaml" }] }, differences: [] });
  expect(trace.steps[0]?.flows).toEqual([]);
  const says = trace.steps[0]?.stages.find(({ stage }) => stage === "connection")?.says;
  expect(says).toBe("a connection is known: its verdicts hold, policy is not asked");
});

test("nothing arrives, nobody is told, and nothing is remembered", async () => {
  const port = 7777;
  using wire = PacketSocket.open(pods.server.namespace, "eth0");
  const args = ["--from", name(pods.client), "--source-port", String(port)];
  for (const to of [80, 81]) await traced(...args, "--to", `${name(pods.server)}:${to}`);
  // Real packets behind them tell that all before has come to where it goes.
  const target = targetOf(pods.server, 80);
  expect(await pods.client.traffic.attempt(target, { timeout: 5000, sourcePort: port + 1 })).toBe("answered");
  const flows = await until("the flow of the real packet", async () => {
    const lines = (await node().weir("observe", "-o", "json")).stdout.trim().split("\n");
    const all = lines.map((line) => JSON.parse(line) as Flow);
    return all.some(({ l4 }) => l4?.TCP?.source_port === port + 1) ? all : undefined;
  });
  expect(flows.filter(({ l4 }) => l4?.TCP?.source_port === port)).toEqual([]);
  const seen = wire.receive().map((frame) => decodePacket(frame)?.payload);
  const sourcePorts = seen.flatMap((segment) =>
    segment ? [(segment[0] as number) * 256 + (segment[1] as number)] : [],
  );
  expect(sourcePorts).toContain(port + 1);
  expect(sourcePorts).not.toContain(port);
  const connections = await node().client.bpf("conntrack");
  expect(connections.filter(({ sourcePort }) => sourcePort === port)).toEqual([]);
});

test("what is wrong with the question is said", async () => {
  const ask = (...args: string[]) => node().weir("trace", ...args);
  expect(await ask("--from", "default/nobody", "--to", "192.0.2.1:80")).toMatchObject({
    code: 4,
    stderr: expect.stringContaining("pod default/nobody is not known"),
  });
  for (const [to, says] of [
    ["default/server", "has no port"],
    ["fd00::1:80", "brackets"],
    ["default/server:99999", '99999 in "default/server:99999" is no port'],
  ] as const) {
    expect(await ask("--from", "default/client", "--to", to)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(says),
    });
  }
});
