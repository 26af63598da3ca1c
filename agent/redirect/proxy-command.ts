import { resolve } from "node:path";

/** What a proxy is told of the agent's own options. */
export interface ProxyCommandOptions {
  readonly runDir: string;
  readonly bpffs: string;
}

/** The command of a proxy of this build: the program that runs now, in another role. */
export function proxyCommand({ runDir, bpffs }: ProxyCommandOptions, replaces: boolean): string[] {
  const [node = "", program = ""] = process.argv;
  const folders = ["--run-dir", resolve(runDir), "--bpffs", resolve(bpffs)];
  return [node, ...process.execArgv, program, "proxy", ...folders, ...(replaces ? ["--replace"] : [])];
}
