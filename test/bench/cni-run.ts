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

/** `peak`: the highest resident memory so far, in bytes, of the plugin that runs. */
export type PluginRequest = { readonly kind: "run"; readonly run: PluginRun } | { readonly kind: "peak" };
export type PluginReply =
  | { readonly kind: "run"; readonly answer: PluginAnswer }
  | { readonly kind: "peak"; readonly bytes: number };
