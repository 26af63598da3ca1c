/**
 * The CNI call: what the CNI binary hands to the agent, in HTTP and JSON on the Unix
 * socket `<runDir>/cni.sock`: `POST /v1/cni` {@link CniCall}, 200 {@link CniAnswer}.
 *
 * The binary has read the environment and checked it; the configuration goes on as the
 * runtime wrote it. An answer either ends the call, also where it is an error of the CNI
 * specification, or wants a plugin run (delegated IPAM) and the call made again with what
 * that said. Every other status is an error of the API: 503: the same call may be made again.
 *
 * VERSION does not come here, and DEL leaves a file when nobody answers: `delete-request.ts`.
 */
import * as z from "zod";

/** CNI_COMMAND of the calls that need an agent. */
export const cniCommand = z.enum(["ADD", "DEL", "CHECK", "STATUS", "GC"]);
export type CniCommand = z.infer<typeof cniCommand>;

/** As in the CNI specification: a letter or digit, then letters, digits, `_`, `.`, `-`; empty in STATUS and GC. */
const containerId = z
  .string()
  .max(253)
  .regex(/^([a-zA-Z0-9][a-zA-Z0-9_.-]*)?$/);

/** A name that Linux accepts for a device: at most 15 bytes, no slash, colon or white space; empty in STATUS and GC. */
const interfaceName = z.string().regex(/^(?!\.{1,2}$)[^\s/:]{0,15}$/);

/** A network namespace as the binary has it open: an agent that does not see its path finds it by the process. */
const openNamespace = z.object({
  /** What tells it from every other namespace that lives now. */
  device: z.int().nonnegative(),
  inode: z.int().positive(),
  /** The binary's process, and its descriptor. */
  pid: z.int().positive(),
  fd: z.int().nonnegative(),
});
export type OpenNamespace = z.infer<typeof openNamespace>;

/** What a plugin said that the agent wanted run. */
const resume = z.object({
  /** From {@link PluginRun}, as it was. */
  state: z.unknown(),
  exitCode: z.int().nonnegative(),
  /** Its stdout. */
  output: z.string(),
});
export type Resume = z.infer<typeof resume>;

export const cniCall = z.object({
  /** Under which name the binary was started. */
  plugin: z.enum(["weir-cni", "weir-ipam"]),
  command: cniCommand,
  /** Random: a call that is made again, because the agent went away, is the same call. */
  token: z.string().regex(/^[0-9a-f]{16}$/),
  containerId,
  ifName: interfaceName,
  /** Path of the container's network namespace; empty: none is left, or none is needed. */
  netns: z.string(),
  namespace: openNamespace.optional(),
  /** CNI_ARGS: `K8S_POD_NAMESPACE`, `K8S_POD_NAME`, `K8S_POD_UID`, ... */
  args: z.record(z.string(), z.string()),
  /** The network configuration of the runtime. */
  config: z.record(z.string(), z.unknown()),
  resume: resume.optional(),
});
export type CniCall = z.infer<typeof cniCall>;

/** A plugin that the binary is to run for the agent, with its own environment and configuration. */
const pluginRun = z.object({
  /** Looked for in CNI_PATH. */
  plugin: z.string(),
  command: cniCommand,
  /** Given back with what the plugin said. */
  state: z.unknown(),
});
export type PluginRun = z.infer<typeof pluginRun>;

/** The end of a call: what goes to stdout (null: nothing), and the exit code. */
const cniOutcome = z.object({ output: z.record(z.string(), z.unknown()).nullable(), exitCode: z.int() });
export type CniOutcome = z.infer<typeof cniOutcome>;

export const cniAnswer = z.union([cniOutcome, z.object({ run: pluginRun })]);
export type CniAnswer = z.infer<typeof cniAnswer>;
