/**
 * Entry of every npm script. Runs on whatever Node is there (20 or newer), with
 * nothing installed: brings in what the command lacks, then goes on with the
 * Node that the lock file pins.
 *
 *   node .dev/run.mjs start|test|test:long|test:runtimes|build|gen|bench|fuzz|coverage|lint|format [ARGUMENT...]
 */
import { spawn, spawnSync } from "node:child_process";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { installDebianPackages } from "./debian.mjs";
import { installNpmPackages, projectNode } from "./npm.mjs";
import { installServers } from "./servers.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** What each command runs, and what it cannot do without root: all of it (`needsRoot`) or a part (`without`). */
const commands = {
  start: { script: "agent/local/playground.ts", build: true, needsRoot: "network namespaces and BPF programs" },
  test: {
    script: "test/run.ts",
    build: true,
    servers: true,
    without: "tests of the kernel, of nodes and of pods are skipped",
  },
  "test:long": {
    script: "test/run.ts",
    build: true,
    servers: true,
    without: "tests of the kernel, of nodes and of pods are skipped",
  },
  "test:runtimes": {
    script: "test/run.ts",
    folder: "test/runtime/",
    build: true,
    needsRoot: "nodes with a container runtime",
  },
  build: { script: ".dev/build.ts" },
  gen: { script: ".dev/gen.ts" },
  bench: { script: "test/bench/run.ts", build: true, needsRoot: "BPF programs" },
  fuzz: { script: "test/fuzz/run.ts" },
  coverage: {
    script: "test/coverage/run.ts",
    build: true,
    servers: true,
    needsRoot: "network namespaces and BPF programs",
  },
  lint: { script: ".dev/lint.ts" },
  format: { script: ".dev/format.ts" },
};

const [name, ...args] = process.argv.slice(2);
const command = Object.hasOwn(commands, name ?? "") ? commands[name] : undefined;
if (command === undefined) {
  console.error(`usage: node .dev/run.mjs ${Object.keys(commands).join("|")} [ARGUMENT...]`);
  process.exit(2);
}

if (process.getuid?.() !== 0) {
  if (command.needsRoot !== undefined) {
    console.error(`cannot run "npm run ${name}" without root: it makes ${command.needsRoot}`);
    process.exit(1);
  }
  if (command.without !== undefined) console.error(`not root: ${command.without}`);
}

installDebianPackages(name);
installNpmPackages(root);
if (command.servers) await installServers(root);

const node = projectNode(root);
const env = {
  ...process.env,
  PATH: `${join(root, "node_modules/.bin")}:${process.env.PATH ?? ""}:/usr/sbin:/sbin`,
  ...(name === "test:long" ? { WEIR_TEST_SIZE: "long" } : {}),
  ...(name === "test:runtimes" ? { WEIR_TEST_RUNTIMES: "1" } : {}),
  ...(process.stdout.isTTY || process.env.FORCE_COLOR !== undefined ? {} : { NO_COLOR: process.env.NO_COLOR ?? "1" }),
};

if (command.build) {
  const built = spawnSync(node, [join(root, ".dev/build.ts")], {
    cwd: root,
    env,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (built.status !== 0) process.exit(built.status ?? 1);
}

// A filter of the user's own is instead of the folder.
const filters = command.folder !== undefined && args.length === 0 ? [command.folder] : args;
const child = spawn(node, [join(root, command.script), ...filters], { cwd: root, env, stdio: "inherit" });
// A terminal sends SIGINT to the child as well: it cleans up, and this process waits for it.
process.on("SIGINT", () => {});
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  console.error(`cannot run ${node}: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => {
  process.exitCode = code ?? (signal === "SIGINT" ? 130 : 1);
});
