import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { tryLockFolder } from "#agent/net/folder-lock.ts";
import { isErrno } from "#agent/runtime/errors.ts";

/** What a DNS answer said while no agent was there. */
const heard = z.strictObject({
  name: z.string(),
  /** With the boot time, ms, until which each counts. */
  addresses: z.array(z.tuple([z.string(), z.number()])),
  endpoint: z.int().nonnegative(),
});
export type HeardName = z.infer<typeof heard>;

/** What the file's name begins with. */
const FILE = "heard-";

/** Bytes that the file may have: some hundred thousand answers. */
const longest = 64 * 1024 * 1024;

/**
 * Names that the proxy has learned while no agent was there, in the folder `names` of the run folder: a line of JSON each. Whoever
 * writes there, and whoever has a right to give addresses to names at all, has the folder's lock: the agent for as long as it
 * lives, the proxy for one write.
 */
export class AwayJournal {
  readonly #folder: string;
  readonly #path: string;

  /** @param boot Tells this boot of the machine from every other: times are of it. */
  constructor(runDir: string, boot: string) {
    this.#folder = join(runDir, "names");
    this.#path = join(this.#folder, `${FILE}${boot}`);
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  /** Null: somebody else has it. */
  lock(): Disposable | null {
    return tryLockFolder(this.#folder);
  }

  /** To be called with the lock. @returns whether there was room. */
  append(name: HeardName): boolean {
    const line = `${JSON.stringify(name)}\n`;
    if (size(this.#path) + line.length > longest) return false;
    appendFileSync(this.#path, line, { mode: 0o600 });
    return true;
  }

  /** Everything that was written, and how many lines cannot be read: one at the end may have been cut short. */
  read(): { names: HeardName[]; damaged: number } {
    const names: HeardName[] = [];
    let damaged = 0;
    for (const line of content(this.#path).split("\n")) {
      if (line === "") continue;
      const name = parse(line);
      if (name) names.push(name);
      else damaged++;
    }
    return { names, damaged };
  }

  /** Forgets what was written, in earlier boots, too. */
  clear(): void {
    for (const name of readdirSync(this.#folder)) if (name.startsWith(FILE)) rmSync(join(this.#folder, name));
  }
}

function parse(line: string): HeardName | null {
  try {
    return heard.parse(JSON.parse(line));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return null;
    throw error;
  }
}

function content(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "";
    throw error;
  }
}

function size(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
