import { runCommand } from "#agent/local/command.ts";
import type { Place } from "./lab-program.ts";

/** What curl was answered. */
export interface Answer {
  /** Of HTTP; 0: none came, and `error` says why. */
  readonly status: number;
  readonly body: string;
  readonly error: string;
}

/** Asks by Debian's curl, in a network namespace. @param args further options. */
export async function curl(place: Place, url: string, ...args: readonly string[]): Promise<Answer> {
  // No proxy of the environment, no configuration of the user.
  const command = ["curl", "-q", "--noproxy", "*", "-sS", "-m", "10", "-w", "\n%{http_code}", ...args, url];
  const { stdout, stderr } = await runCommand(place.enter(command));
  const end = stdout.lastIndexOf("\n");
  return { status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end), error: stderr.trim() };
}

/** A URL of an address of either family. */
export function urlOf(address: string, port = 80, path = "/public/x", scheme = "http"): string {
  return `${scheme}://${address.includes(":") ? `[${address}]` : address}:${port}${path}`;
}
