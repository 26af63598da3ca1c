import { runCommand } from "#agent/local/command.ts";
import type { Place } from "./lab-program.ts";

/** What dig was answered. */
export interface DigAnswer {
  /** `NOERROR`, `REFUSED`; null: nothing came. */
  readonly status: string | null;
  /** The data of its records, in their order. */
  readonly data: readonly string[];
}

/** Asks a server by Debian's dig, once. @param args further words, such as `+tcp` and the type. */
export async function dig(place: Place, server: string, name: string, ...args: readonly string[]): Promise<DigAnswer> {
  const command = ["dig", `@${server}`, name, "+tries=1", "+time=5", "+noall", "+comments", "+answer", ...args];
  const { stdout } = await runCommand(place.enter(command));
  const records = stdout.split("\n").filter((line) => line !== "" && !line.startsWith(";"));
  return {
    status: /status: ([A-Z]+)/.exec(stdout)?.[1] ?? null,
    data: records.map((line) => line.split(/\s+/).at(-1) ?? ""),
  };
}
