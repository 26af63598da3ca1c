import { expect, test } from "vitest";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { goesOn } from "#test/support/stream.ts";
import { runIn, runPlugin } from "#test/support/plugin-run.ts";
import { useNode } from "#test/support/use-node.ts";

const node = useNode();

const attachmentOf = ({ containerId, ifName }: LabPod): object => ({ containerID: containerId, ifname: ifName });

async function collect(valid: readonly LabPod[] | undefined, name = "weir"): Promise<unknown> {
  const list = valid && { "cni.dev/valid-attachments": valid.map(attachmentOf) };
  const config = { type: "weir-cni", cniVersion: "1.1.0", name, runDir: node().runDir, ...list };
  return await runPlugin(node(), "GC", config, { namespace: node().namespace });
}

const podNames = async (): Promise<string[]> => (await node().client.endpoints()).map(({ pod }) => pod).toSorted();

test("gc-55 what the runtime does not have any more is released, of this network only, and the rest goes on", async () => {
  const names = Array.from({ length: 10 }, (_, index) => `pod-${index}`);
  const pods: LabPod[] = [];
  for (const name of names) pods.push(await node().addPod({ name }));
  const other = await node().addPod({ name: "other", config: { name: "blue" } });
  const valid = pods.slice(0, 6);
  const [first, second] = valid;
  if (!first || !second) throw new Error("no pods");
  await second.traffic.serve("TCP", 8080);
  const stream = await first.traffic.stream({ protocol: "TCP", address: second.ipv4, port: 8080 });
  await goesOn(stream);
  expect(await collect(valid)).toEqual({ exitCode: 0 });
  await goesOn(stream);
  await stream.stop();
  expect(await podNames()).toEqual(["other", ...names.slice(0, 6)]);
  const links = runIn(node().namespace, "ip", "-brief", "link", "show", "type", "veth");
  expect(links.trim().split("\n")).toHaveLength(7);
  expect(await collect([], "blue")).toEqual({ exitCode: 0 });
  expect(await podNames()).toEqual(names.slice(0, 6));
  expect(runIn(other.namespace, "ip", "-brief", "link", "show", "type", "veth")).toBe("");
});

test("gc-60 without the list of what is to stay nothing is released", async () => {
  await node().addPod({ name: "stays" });
  const before = await podNames();
  expect(await collect(undefined)).toMatchObject({
    exitCode: 1,
    code: 7,
    msg: expect.stringContaining("cni.dev/valid-attachments is missing"),
  });
  expect(await podNames()).toEqual(before);
});
