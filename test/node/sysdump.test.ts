import { statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { findTexts, unpackSysdump } from "#test/support/sysdump-content.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const labelled = "hunter2-of-a-label";
const environment = "hunter2-of-the-environment";

// The agent has this process's environment.
process.env["WEIR_TEST_TOKEN"] = environment;

const node = useNode({
  objects: { "server.yaml": networkPolicy({ name: "server", selects: { app: "server" }, ingress: [] }) },
});
const pods = usePods(node, ["server", "client"], { client: { labels: { app: "client", "auth-token": labelled } } });

prepare(async () => expectTraffic(pods.client, pods.server, 80, "silent"));

interface Manifest {
  readonly agent: string;
  readonly parts: readonly { readonly name: string; readonly outcome: string; readonly note: string | null }[];
}

async function dump(name: string): Promise<{ manifest: Manifest; parts: Map<string, string>; stderr: string }> {
  const file = join(node().folder, `${name}.tar.gz`);
  const places = ["--cni-conf-dir", join(node().folder, "net.d"), ...node().cleanupOptions];
  const { code, stdout, stderr } = await node().weir("sysdump", file, ...places, "-o", "json");
  expect(code).toBe(0);
  expect([statSync(file).mode & 0o777, statSync(file).size < 20 * 1024 * 1024]).toEqual([0o600, true]);
  return { manifest: JSON.parse(stdout) as Manifest, parts: await unpackSysdump(file), stderr };
}

const lineCount = (text = ""): number => text.trimEnd().split("\n").length;

test("all that an agent and its node tell is in the archive, and no secret", async () => {
  const { manifest, parts } = await dump("running");
  expect(manifest.agent).toBe("answers");
  expect(manifest.parts.filter(({ outcome }) => outcome === "failed" || outcome === "truncated")).toEqual([]);
  const told = manifest.parts.filter(({ outcome }) => outcome === "complete").map(({ name }) => name);
  expect([...parts.keys()].filter((name) => name !== "manifest.json")).toEqual(told);
  expect(told).toEqual(
    expect.arrayContaining([
      "agent/status.json",
      "agent/flows.json",
      "agent/bpf/policy.json",
      "network/links.json",
      "log/agent.log",
      "machine/process-environment.json",
      "maps/list.json",
      "maps/conntrack4.json",
    ]),
  );
  expect(parts.get("agent/flows.json")).toContain("POLICY_DENIED");
  expect(parts.get("network/links.json")).toContain(pods.server.hostInterface);
  expect(parts.get("log/agent.log")).toContain("endpoint");
  expect(parts.get("machine/process-environment.json")).toContain('"WEIR_TEST_TOKEN": "[redacted]"');
  expect(findTexts(parts, [labelled, environment])).toEqual([]);
});

test("without its agent, what the kernel and the files say", async () => {
  await node().agent.stop();
  const { manifest, parts, stderr } = await dump("stopped");
  expect(manifest.agent).toContain("no agent listens on");
  expect(stderr).toContain("without what an agent tells: no agent listens on");
  expect(manifest.parts.filter(({ outcome }) => outcome === "failed")).toEqual([]);
  expect(parts.get("files/bpffs.json")).toContain("conntrack4");
  const addresses = (JSON.parse(parts.get("maps/endpoints.json") ?? "[]") as { key: { address: string } }[]).map(
    ({ key }) => key.address,
  );
  expect(addresses).toEqual(expect.arrayContaining([pods.server.ipv4, pods.client.ipv6]));
  const records = [...parts].filter(([name]) => /^state\/endpoints\/\d+\.json$/.test(name));
  expect(records.map(([, text]) => (JSON.parse(text) as { pod: string }).pod).toSorted()).toEqual(["client", "server"]);
  expect(lineCount(parts.get("network/links.json"))).toBeGreaterThan(2);
  expect(findTexts(parts, [labelled, environment])).toEqual([]);
});
