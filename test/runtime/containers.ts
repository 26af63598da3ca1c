import type { CommandResult } from "#agent/local/command.ts";

/** Runs a command in a container. */
export type Execute = (...command: readonly string[]) => Promise<CommandResult>;

/** A container's command that answers GET on port 80 with `hello`. */
export const httpServer = [
  "/bin/sh",
  "-c",
  "/bin/busybox mkdir /www; echo hello >/www/index.html; exec httpd -f -p 80 -h /www",
];

/** What a container's programs get of the network. */
export function inContainer(execute: Execute): {
  /** The body of an answer over HTTP; null when no connection comes about. */
  get(address: string, port?: number): Promise<string | null>;
  /** Those of the addresses that answer no echo request. */
  silent(...addresses: readonly string[]): Promise<string[]>;
} {
  return {
    get: async (address, port = 80) => {
      // Not wget: of the statically linked busybox it crashes, for want of glibc's name services.
      const request = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 '${address}' ${port}`;
      const { stdout, stderr } = await execute("sh", "-c", request);
      if (stdout === "" && !stderr.includes("timed out")) throw new Error(`GET of ${address}: ${stderr}`);
      return stdout === "" ? null : stdout.slice(stdout.indexOf("\r\n\r\n") + 4).trim();
    },
    silent: async (...addresses) => {
      const loop = 'for address; do ping -c 1 -W 2 "$address" >/dev/null || echo "$address"; done';
      const { code, stdout, stderr } = await execute("sh", "-c", loop, "sh", ...addresses);
      if (code !== 0) throw new Error(`ping in a container: exit code ${code}: ${stderr}`);
      return stdout.split("\n").filter((line) => line !== "");
    },
  };
}
