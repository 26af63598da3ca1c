import { spawn } from "node:child_process";
import { join } from "node:path";
import { BpfMap, MapHandle, systemClocks, u32 } from "libbpf-ts";
import { expect, test } from "vitest";
import type { StatusView } from "#agent/api/views.ts";
import { captureOrder } from "#agent/datapath/layouts.gen.ts";
import { mustRun } from "#agent/local/command.ts";
import { until } from "#agent/local/until.ts";
import { targetOf } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { ciliumPolicy, labelled } from "#test/support/object-text.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({
  objects: {
    "server.yaml": networkPolicy({
      name: "server",
      selects: { app: "server" },
      ingress: [{ from: [app("client")], ports: [{ port: 80 }] }],
    }),
    "guarded.yaml": ciliumPolicy("guarded", {
      ingress: [{ fromEndpoints: [{}] }],
      ingressDeny: [{ fromEndpoints: [labelled("client")] }],
    }),
  },
});
const pods = usePods(node, ["server", "guarded", "client", "other"]);

const readers = async (): Promise<unknown> => (await node().read<StatusView>("status")).datapath["captures"];
const capturing = (count: number): Promise<unknown> =>
  until(`${count} to capture`, async () => (await readers()) === count);

/** Until when the kernel's programs capture. */
function orderedUntil(): bigint {
  using map = MapHandle.openPinned(join(node().bpffs, "weir/maps/capture_orders"));
  return new BpfMap(map, u32, captureOrder).get(0)?.until ?? -1n;
}

const knock = (from: keyof typeof pods, to: keyof typeof pods, port: number): Promise<unknown> =>
  pods[from].traffic.attempt(targetOf(pods[to], port), { timeout: 100 });

const tshark = async (file: string): Promise<string[][]> => {
  const fields = ["ip.src", "ip.dst", "tcp.dstport", "tcp.flags.syn", "frame.interface_name", "frame.comment"];
  const options = ["-T", "fields", ...fields.flatMap((field) => ["-e", field])];
  return (await mustRun(["tshark", "-r", file, ...options]))
    .trim()
    .split("\n")
    .map((line) => line.split("\t"));
};

test("what is dropped meanwhile is in the file, with the rule that did it or came nearest", async () => {
  using folder = new TemporaryFolder();
  const [all, ofOther, byRule] = ["all", "other", "rule"].map((name) => folder.join(name)) as [string, string, string];
  const run = (file: string, ...args: string[]) => node().weir("capture", "--dropped", "-w", file, ...args);
  const ends = Promise.all([
    run(all, "--count", "3"),
    run(ofOther, "--pod", "default/other", "--count", "1"),
    run(byRule, "--reason", "policy_deny", "--count", "1", "--snaplen", "54"),
  ]);
  await capturing(3);
  await knock("client", "server", 81);
  await knock("client", "guarded", 80);
  await knock("other", "server", 80);
  for (const { code, stderr } of await ends) expect([code, stderr]).toEqual([0, expect.stringContaining("captured\n")]);
  const [first, second, third, ...more] = await tshark(all);
  expect(more).toEqual([]);
  expect(first?.slice(0, 4)).toEqual([pods.client.ipv4, pods.server.ipv4, "81", "1"]);
  expect(first?.[4]).toBe(pods.client.hostInterface);
  expect(first?.[5]).toMatch(
    /nearest: NetworkPolicy default\/server ingress\[0\] \(server\.yaml:\d+\): port 81 is not 80  \(POLICY_DENIED, judge\.h:\d+\)$/,
  );
  expect(second?.[5]).toMatch(
    /CiliumNetworkPolicy default\/guarded ingressDeny\[0\] \(guarded\.yaml:\d+\)  \(POLICY_DENY, /,
  );
  expect(third?.[0]).toBe(pods.other.ipv4);
  expect((await tshark(ofOther)).map(([from]) => from)).toEqual([pods.other.ipv4]);
  expect((await tshark(byRule)).map((fields) => fields[1])).toEqual([pods.guarded.ipv4]);
});

test("a reason that there is not is refused", async () => {
  const result = await node().weir("capture", "--dropped", "-w", "-", "--reason", "NONSENSE");
  expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining("NONSENSE is none of") });
});

test("by a pipe Wireshark reads packets as they come; the datapath captures as long as somebody reads", async () => {
  await capturing(0);
  expect(orderedUntil()).toBe(0n);
  const weir = `${join(node().lab.dist, "weir")} --run-dir ${node().runDir} capture --dropped -w -`;
  const [program = "", ...args] = node().enter([
    "sh",
    "-c",
    `${weir} | tshark -l -r - -T fields -e ip.dst -e frame.comment`,
  ]);
  const pipe = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"], detached: true });
  using _tracked = node().lab.track(pipe.pid ?? 0);
  let text = "";
  pipe.stdout.setEncoding("utf8").on("data", (piece: string) => (text += piece));
  await capturing(1);
  const ahead = orderedUntil() - systemClocks.boot();
  // Nobody has to take the order back: it ends by itself.
  expect(ahead > 0n && ahead <= 5_000_000_000n).toBe(true);
  await until("a packet in the pipe", async () => {
    await knock("client", "server", 81);
    return text.includes(`${pods.server.ipv4}\t`) && text.includes("POLICY_DENIED");
  });
  process.kill(-(pipe.pid ?? 0), "SIGTERM");
  await capturing(0);
  await until("the order to be taken back", () => orderedUntil() === 0n);
});
