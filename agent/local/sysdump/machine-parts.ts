import { readdir, readFile, readlink } from "node:fs/promises";
import { arch, availableParallelism, freemem, hostname, loadavg, release, totalmem, uptime, version } from "node:os";
import { join } from "node:path";
import { version as weirVersion } from "#agent/api/version.ts";
import { runCommand } from "#agent/local/command.ts";
import { LabError } from "#agent/local/errors.ts";
import { isErrno, reasonOf } from "#agent/runtime/errors.ts";
import { readBounded } from "./bounded-file.ts";
import { type Content, json, type Part } from "./part.ts";
import { partBytes } from "./render.ts";

/** Where things are on this machine. */
export interface Places {
  readonly runDir: string;
  readonly stateDir: string;
  readonly bpffs: string;
  readonly cniConfDir: string;
  /** The agent's process, if it is known; its network and mounts are what is told. */
  readonly pid: number | null;
  /** Where the agent's log goes, if that is known. */
  readonly logFile: string | null;
}

/** Settings of the kernel that decide what becomes of packets and programs. */
const settings = [
  "kernel/unprivileged_bpf_disabled",
  "net/core/bpf_jit_enable",
  "net/core/bpf_jit_harden",
  "net/core/bpf_jit_limit",
  "net/core/default_qdisc",
  "net/core/netdev_max_backlog",
  "net/core/rmem_max",
  "net/ipv4/conf/all/accept_local",
  "net/ipv4/conf/all/arp_ignore",
  "net/ipv4/conf/all/forwarding",
  "net/ipv4/conf/all/rp_filter",
  "net/ipv4/conf/all/route_localnet",
  "net/ipv4/conf/default/rp_filter",
  "net/ipv4/ip_forward",
  "net/ipv4/ip_local_port_range",
  "net/ipv4/ip_local_reserved_ports",
  "net/ipv4/neigh/default/gc_thresh1",
  "net/ipv4/neigh/default/gc_thresh2",
  "net/ipv4/neigh/default/gc_thresh3",
  "net/ipv4/tcp_congestion_control",
  "net/ipv4/tcp_l3mdev_accept",
  "net/ipv6/conf/all/accept_ra",
  "net/ipv6/conf/all/disable_ipv6",
  "net/ipv6/conf/all/forwarding",
  "net/ipv6/neigh/default/gc_thresh3",
  "net/ipv6/route/max_size",
  "net/netfilter/nf_conntrack_count",
  "net/netfilter/nf_conntrack_max",
] as const;

/** Characters that a program may print: in memory at one time. */
const outputMax = 16 * 1024 * 1024;

/** What can be read without an agent. */
export function machineParts(places: Places): Part[] {
  return [
    { name: "version.json", read: () => json({ weir: weirVersion, node: process.version }) },
    { name: "machine/kernel.json", read: () => json(kernel()) },
    { name: "machine/os-release", read: () => fileLines("/etc/os-release") },
    { name: "machine/mounts", read: () => fileLines(`/proc/${places.pid ?? "self"}/mounts`) },
    { name: "machine/sysctls.json", read: (signal) => sysctls(places, signal) },
    { name: "machine/process-status", read: () => ofAgent(places, (pid) => fileLines(`/proc/${pid}/status`)) },
    { name: "machine/process-limits", read: () => ofAgent(places, (pid) => fileLines(`/proc/${pid}/limits`)) },
    { name: "machine/process-environment.json", read: () => ofAgent(places, environmentNames) },
    ...networkParts(places),
    { name: "log/agent.log", read: () => logTail(places) },
    { name: "files/run-dir.json", read: () => listing(places.runDir) },
    { name: "files/state-dir.json", read: () => listing(places.stateDir) },
    { name: "files/bpffs.json", read: () => listing(join(places.bpffs, "weir")) },
  ];
}

function kernel(): object {
  return {
    release: release(),
    version: version(),
    architecture: arch(),
    hostName: hostname(),
    processors: availableParallelism(),
    memory: { total: totalmem(), free: freemem() },
    load: loadavg(),
    uptime: uptime(),
  };
}

function networkParts(places: Places): Part[] {
  const ip = (name: string, ...args: string[]): Part => ({
    name: `network/${name}.json`,
    read: async (signal) => json(JSON.parse((await output(places, ["ip", "-j", ...args], signal)) || "[]")),
  });
  const text = (name: string, command: readonly string[]): Part => ({
    name: `network/${name}`,
    read: async (signal) => {
      try {
        return { kind: "lines", text: await output(places, command, signal) };
      } catch (error) {
        if (error instanceof LabError && /No such file|ENOENT/.test(error.message)) {
          return { kind: "absent", why: `there is no ${command[0]} here` };
        }
        throw error;
      }
    },
  });
  return [
    ip("links", "-d", "-s", "link"),
    ip("addresses", "address"),
    ip("routes-4", "-4", "route", "show", "table", "all"),
    ip("routes-6", "-6", "route", "show", "table", "all"),
    ip("rules-4", "-4", "rule"),
    ip("rules-6", "-6", "rule"),
    ip("neighbours", "neighbour"),
    text("nft", ["nft", "list", "ruleset"]),
    text("iptables", ["iptables-save"]),
    text("ip6tables", ["ip6tables-save"]),
  ];
}

/** What a program prints, where the agent's network is. */
async function output({ pid }: Places, command: readonly string[], signal: AbortSignal): Promise<string> {
  const there = pid === null ? command : ["nsenter", `--net=/proc/${pid}/ns/net`, "--", ...command];
  const { code, stdout, stderr } = await runCommand(there, { signal, most: outputMax });
  if (stdout.length >= outputMax) throw new LabError("command-failed", `run ${command.join(" ")}: it prints too much`);
  if (code === 0) return stdout;
  throw new LabError("command-failed", `run ${command.join(" ")}: exit code ${code}: ${stderr.trim()}`);
}

async function sysctls(places: Places, signal: AbortSignal): Promise<Content> {
  const files = settings.map((name) => `/proc/sys/${name}`);
  const script = 'for file; do printf "%s\\t%s\\n" "$file" "$(cat "$file" 2>/dev/null)"; done';
  const lines = (await output(places, ["sh", "-c", script, "sh", ...files], signal)).trimEnd().split("\n");
  const values = lines.map((line) => {
    const [file = "", ...value] = line.split("\t");
    return [file.slice("/proc/sys/".length).replaceAll("/", "."), value.join(" ") || null] as const;
  });
  return json(Object.fromEntries(values));
}

async function fileLines(path: string): Promise<Content> {
  // Some of these are links, and none is of anybody's making but the machine's.
  const text = await readFile(path, "utf8");
  return { kind: "lines", text };
}

function ofAgent({ pid }: Places, read: (pid: number) => Promise<Content>): Promise<Content> | Content {
  return pid === null ? { kind: "absent", why: "the agent's process is not known" } : read(pid);
}

/** Names, and values of those that say what the agent does. */
async function environmentNames(pid: number): Promise<Content> {
  const variables = await environmentOf(pid);
  return json(
    Object.fromEntries(
      Object.entries(variables).map(([name, value]) => [name, name.startsWith("WEIR_") ? value : "..."]),
    ),
  );
}

/** The environment that a process was started with. */
export async function environmentOf(pid: number): Promise<Record<string, string>> {
  const { text } = await readBounded(`/proc/${pid}/environ`, partBytes);
  const entries = text.split("\0").flatMap((line): [string, string][] => {
    const at = line.indexOf("=");
    return at > 0 ? [[line.slice(0, at), line.slice(at + 1)]] : [];
  });
  return Object.fromEntries(entries);
}

/** The end of the log: of the file that was named, or of that which the agent writes to. */
async function logTail({ pid, logFile }: Places): Promise<Content> {
  const path = logFile ?? (pid === null ? null : await outputFile(pid));
  if (path === null) return { kind: "absent", why: "the agent writes to no file; --log-file names one" };
  const { text, left } = await readBounded(path, partBytes / 2, "end");
  // The first line is half of one.
  return { kind: "lines", text: left === 0 ? text : text.slice(text.indexOf("\n") + 1), left };
}

/** The file that a process's standard output, or error, is. */
async function outputFile(pid: number): Promise<string | null> {
  for (const fd of [2, 1]) {
    const path = await readlink(`/proc/${pid}/fd/${fd}`);
    if (path.startsWith("/") && !path.startsWith("/dev/") && !path.endsWith(" (deleted)")) return path;
  }
  return null;
}

/** Names, kinds and sizes below a folder; no contents. */
async function listing(folder: string): Promise<Content> {
  try {
    const entries = await readdir(folder, { withFileTypes: true, recursive: true });
    const kinds = entries.map((entry) => ({
      path: join(entry.parentPath, entry.name),
      kind: entry.isDirectory() ? "folder" : entry.isSocket() ? "socket" : entry.isSymbolicLink() ? "link" : "file",
    }));
    return json(kinds);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return { kind: "absent", why: reasonOf(error) };
    throw error;
  }
}
