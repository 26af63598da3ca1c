import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mustRun } from "#agent/local/command.ts";
import { Lab } from "#agent/local/lab.ts";
import { LabNode } from "#agent/local/lab-node.ts";
import { http, l7Policy } from "#test/support/l7-policy.ts";
import { runIn, runPlugin } from "#test/support/plugin-run.ts";
import { useNode } from "#test/support/use-node.ts";

const node = useNode();

/** Devices, routes and rules of the node's namespace. */
async function networkOf(): Promise<string[]> {
  const show = (...args: string[]) => mustRun(node().namespace.enter(["ip", ...args]));
  return [
    await show("-o", "link"),
    await show("-4", "route", "show", "table", "all"),
    await show("-6", "route", "show", "table", "all"),
    await show("rule"),
    await show("-o", "address"),
  ];
}

/** Whether a process runs: of one that has ended, and nobody has waited for, there is no command line. */
function runs(pid: number | null): boolean {
  const path = `/proc/${pid}/cmdline`;
  return existsSync(path) && readFileSync(path, "utf8") !== "";
}

test("weir cleanup removes every trace of the agent from the node", async () => {
  const before = await networkOf();
  await node().addPod({ name: "a" });
  await node().addPod({ name: "b", labels: { app: "b" } });
  // The proxy, and the routes to it.
  const ingress = [`{fromEndpoints: [{}], ${http(80, "{method: GET}")}}`];
  await node().changeObjects("b.yaml", l7Policy({ name: "b", app: "b", ingress }));
  expect(await networkOf()).not.toEqual(before);
  const { pid } = (await node().client.status()).proxy;
  await node().agent.stop();
  expect(runs(pid)).toBe(true);

  const cleaned = await node().weir("cleanup", ...node().cleanupOptions);
  expect([cleaned.code, cleaned.stderr]).toEqual([0, ""]);
  expect(runs(pid)).toBe(false);
  expect(await networkOf()).toEqual(before);
  expect(existsSync(join(node().bpffs, "weir"))).toBe(false);
  const left = ["run", "state"].flatMap((name) => {
    const folder = join(node().folder, name);
    return existsSync(folder) ? readdirSync(folder) : [];
  });
  expect(left).toEqual([]);
});

test("settings of the node that the agent changed are what they were", async () => {
  const forwarding = ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"].map((name) => `/proc/sys/${name}`);
  await using lab = await Lab.create();
  const other = LabNode.create(lab);
  const values = async () => await mustRun(other.namespace.enter(["cat", ...forwarding]));
  await mustRun(other.namespace.enter(["sh", "-c", forwarding.map((file) => `echo 0 > ${file}`).join(";")]));
  await other.startAgent();
  expect(await values()).toBe("1\n1\n");
  await other.agent.stop();
  const cleaned = await other.weir("cleanup", ...other.cleanupOptions);
  expect([cleaned.code, cleaned.stderr]).toEqual([0, ""]);
  expect(await values()).toBe("0\n0\n");
});

test("programs go from another plugin's interface, too, before they have been moved to links", async () => {
  await using lab = await Lab.create();
  const other = LabNode.create(lab);
  await other.startAgent();
  using namespace = lab.namespace("chained");
  const ipam = {
    type: "host-local",
    ranges: [[{ subnet: "10.95.0.0/24" }]],
    dataDir: join(other.folder, "host-local"),
  };
  const prevResult = await runPlugin(other, "ADD", { type: "ptp", ipam }, { namespace });
  await runPlugin(other, "ADD", { type: "weir-cni", runDir: other.runDir, prevResult }, { namespace });
  await other.agent.kill();
  const device = prevResult.interfaces?.find(({ name }) => name.startsWith("veth"))?.name ?? "";
  const filters = () =>
    ["ingress", "egress"].map((way) => runIn(other.namespace, "tc", "filter", "show", "dev", device, way)).join("");
  expect(filters()).toContain("chained_");
  const cleaned = await other.weir("cleanup", ...other.cleanupOptions);
  expect([cleaned.code, cleaned.stderr]).toEqual([0, ""]);
  expect(filters()).toBe("");
});

test("a state folder that is not the agent's is told of", async () => {
  await using lab = await Lab.create();
  const other = LabNode.create(lab);
  await other.startAgent();
  await other.agent.stop();
  const wrong = join(other.folder, "wrong");
  const cleaned = await other.weir("cleanup", "--state-dir", wrong, "--bpffs", other.bpffs);
  expect([cleaned.code, cleaned.stderr]).toEqual([1, expect.stringContaining(`state in ${wrong}: there is none`)]);
});
