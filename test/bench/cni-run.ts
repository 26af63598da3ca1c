/** What the bench asks of the process that runs CNI plugins inside a node's network namespace. */

export interface PluginRun {
  /** Path of the plugin. */
  readonly plugin: string;
  readonly env: Readonly<Record<string, string>>;
  /** The network configuration, as JSON. */
  readonly input: string;
}

export interface PluginAnswer {
  /** From the start of the process to its end, in milliseconds. */
  readonly elapsed: number;
  readonly code: number;
  readonly stdout: string;
}

/** `peak`: the highest resident memory so far, in bytes, of the plugin that was started last. */
export type PluginRequest =
  /** All at once, when there are several. */
  { readonly kind: "run"; readonly runs: readonly PluginRun[] } | { readonly kind: "peak" };
export type PluginReply =
  /** In the order of the runs. */
  | { readonly kind: "run"; readonly answers: readonly PluginAnswer[] }
  | { readonly kind: "peak"; readonly bytes: number };
