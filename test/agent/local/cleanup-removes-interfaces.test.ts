import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { NetworkNamespace } from "#test/support/network-namespace.ts";
import { needs } from "#test/support/requirement.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

const program = join(resolve(import.meta.dirname, "../../.."), "agent/cli/main.ts");
const recorded = "weir00000000001";
const foreign = "weir00000000002";

beforeEach(needs("root", "namespaces"));

test("interfaces of the agent's records go with their routes, others stay", async () => {
  using folder = new TemporaryFolder();
  using namespace = new NetworkNamespace();
  for (const name of [recorded, foreign]) {
    namespace.run("ip", "link", "add", name, "type", "veth", "peer", "name", `p${name.slice(1)}`);
    namespace.run("ip", "link", "set", name, "up");
  }
  namespace.run("ip", "route", "add", "10.0.0.7/32", "dev", recorded);
  mkdirSync(folder.join("state/endpoints"), { recursive: true });
  const record = { hostInterface: recorded };
  writeFileSync(folder.join("state/endpoints/1.json"), JSON.stringify(record));
  const evil = { hostInterface: "lo" };
  writeFileSync(folder.join("state/endpoints/2.json"), JSON.stringify(evil));

  const places = ["--run-dir", folder.join("run"), "--state-dir", folder.join("state"), "--bpffs", folder.join("bpf")];
  const { exitCode, stdout, stderr } = await namespace.start(process.execPath, [
    program,
    "cleanup",
    ...places,
    "-o",
    "json",
  ]);
  expect([exitCode, stderr]).toEqual([0, ""]);
  expect(JSON.parse(stdout)).toContainEqual({ what: "interface", name: recorded });
  const links = namespace.run("ip", "-o", "link");
  expect(links).not.toContain(recorded);
  expect(links).toContain(foreign);
  expect(links).toContain("lo:");
  expect(namespace.run("ip", "route")).toBe("");
});
