import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { CommandResult } from "#agent/local/command.ts";
import { useNode } from "#test/support/use-node.ts";

const node = useNode();

/** Starts an agent beside the one that runs, with this node's options and others. */
const start = (...args: string[]): Promise<CommandResult> =>
  node().weir("agent", ...node().agentOptions.slice(2), ...args);

test.for([
  ["a range that is none", ["--pod-cidr", "10.0.0.0/33"], /^weir agent: .*pod-cidr.*10\.0\.0\.0\/33/],
  ["an unknown option", ["--colour", "red"], /unknown option '--colour'/],
  ["a number out of range", ["--policy-map-entries", "1"], /^weir agent: .*policy-map-entries.*256/],
  ["a store that this version does not have", ["--store", "kubernetes"], /^weir agent: .*store.*embedded/],
  ["a word that is none", ["--log-level", "loud"], /^weir agent: .*log-level.*debug/],
  [
    "no certificate for a port",
    ["--hubble-address", "127.0.0.1:4244"],
    /^weir agent: --hubble-address .*needs --hubble-cert/,
  ],
  ["an address without a port", ["--hubble-address", "127.0.0.1"], /^weir agent: .*hubble-address.*192\.0\.2\.7:4244/],
  ["a file that is missing", ["--config", "/nowhere/weir.yaml"], /^weir agent: .*\/nowhere\/weir\.yaml/],
] as const)("%s: exit status 2 and a line that names it", async ([, args, line]) => {
  const { code, stderr } = await start(...args);
  expect(code).toBe(2);
  expect(stderr).toMatch(line);
  // Told in a sentence, not by where in the program it was noticed.
  expect(stderr).not.toMatch(/^\s+at /m);
});

test("a configuration file with an unknown key is refused by its name and line", async () => {
  const path = join(node().folder, "weir.yaml");
  writeFileSync(path, "log-level: info\ncolour: red\n");
  const { code, stderr } = await start("--config", path);
  expect([code, stderr]).toEqual([2, expect.stringMatching(/weir\.yaml:2.*colour/)]);
});

test("a second agent on the same run folder ends, names the first, and leaves it alone", async () => {
  const { code, stderr } = await node().weir("agent", ...node().agentOptions);
  expect(code).toBe(1);
  expect(stderr).toMatch(new RegExp(`claim run folder .*process id ${node().agent.pid} has it; stop that one or use`));
  expect((await node().weir("status")).code).toBe(0);
});

test("a second agent on the same state folder, or with the same pins, ends too", async () => {
  const [first, second, state] = ["run-2", "run-3", "state-3"].map((name) => join(node().folder, name));
  for (const [folder, ...args] of [
    ["state", "--run-dir", first],
    ["bpf/weir", "--run-dir", second, "--state-dir", state],
  ] as [string, ...string[]][]) {
    const { code, stderr } = await start(...args);
    expect(code).toBe(1);
    expect(stderr).toContain(`use the folder ${join(node().folder, folder)}: another agent has it; stop that one`);
  }
  expect((await node().weir("status")).code).toBe(0);
});

test("a folder for pins that is no BPF file system and cannot become one is named", async () => {
  const file = join(node().folder, "file");
  writeFileSync(file, "");
  const { code, stderr } = await start(
    "--run-dir",
    join(node().folder, "third"),
    "--state-dir",
    join(node().folder, "other-state"),
    "--bpffs",
    file,
  );
  expect([code, stderr]).toEqual([1, expect.stringContaining(file)]);
});
