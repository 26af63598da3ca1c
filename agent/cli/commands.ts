import type { Command } from "commander";
import type { Cli } from "./cli.ts";

/** Adds a command, with its options and subcommands, to the program. */
export type Register = (program: Command, cli: Cli) => void;

/** A command as the help lists it; its module is loaded only when it is asked for. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<{ readonly register: Register }>;
}

/** All commands but `agent`, which has a parser of its own. */
export const commands: readonly CommandEntry[] = [
  { name: "status", summary: "health of each part of the agent", load: () => import("./commands/status.ts") },
  { name: "metrics", summary: "what the agent counts, for Prometheus", load: () => import("./commands/metrics.ts") },
  { name: "endpoint", summary: "the pods of this node", load: () => import("./commands/endpoint.ts") },
  { name: "identity", summary: "numbers and the labels they stand for", load: () => import("./commands/identity.ts") },
  {
    name: "policy",
    summary: "list, check, change and ask about policy",
    load: () => import("./commands/policy.ts"),
  },
  { name: "bpf", summary: "what the kernel's maps hold", load: () => import("./commands/bpf.ts") },
  { name: "ip", summary: "every address that is known, and whose it is", load: () => import("./commands/ip.ts") },
  { name: "fqdn", summary: "DNS names that pods have asked for", load: () => import("./commands/fqdn.ts") },
  { name: "node", summary: "this node, and those that objects speak of", load: () => import("./commands/node.ts") },
  {
    name: "why-unknown",
    summary: "why an address has the identity that it has, or none",
    load: () => import("./commands/why-unknown.ts"),
  },
  {
    name: "prefilter",
    summary: "addresses that the node's devices take nothing from",
    load: () => import("./commands/prefilter.ts"),
  },
  {
    name: "trace",
    summary: "send a packet through the programs, and see each look-up",
    load: () => import("./commands/trace.ts"),
  },
  {
    name: "monitor",
    summary: "raw events of the datapath as they come",
    load: () => import("./commands/monitor.ts"),
  },
  { name: "observe", summary: "flows, with verdict and rule", load: () => import("./commands/observe.ts") },
  { name: "ui", summary: "a link to the page of the agent", load: () => import("./commands/ui.ts") },
  {
    name: "connectivity",
    summary: "test a node by real traffic",
    load: () => import("./commands/connectivity.ts"),
  },
  {
    name: "capture",
    summary: "dropped packets into a file for Wireshark, each with its reason",
    load: () => import("./commands/capture.ts"),
  },
  {
    name: "sysdump",
    summary: "an archive of what is to be known of this node",
    load: () => import("./commands/sysdump.ts"),
  },
  {
    name: "config",
    summary: "the agent's options, and those that can be set live",
    load: () => import("./commands/config.ts"),
  },
  { name: "cleanup", summary: "remove every trace of an agent", load: () => import("./commands/cleanup.ts") },
  {
    name: "completion",
    summary: "a script by which a shell completes commands",
    load: () => import("./commands/completion.ts"),
  },
  { name: "version", summary: "the version of this program", load: () => import("./commands/version.ts") },
];
