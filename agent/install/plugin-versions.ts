import { execFile } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { dirname } from "node:path";
import * as z from "zod";
import { isErrno, reasonOf } from "#agent/runtime/errors.ts";
import { signatureOf } from "./places.ts";

const answer = z.looseObject({ supportedVersions: z.array(z.string().regex(/^\d+\.\d+\.\d+$/)).min(1) });

/** Milliseconds that a plugin has to say which versions it speaks. */
const patience = 5_000;

/**
 * Which versions of the CNI specification plugins speak, by asking them: a list that offers one
 * that a plugin behind does not know would fail each of its calls.
 */
export class PluginVersions {
  readonly #known = new Map<string, { readonly signature: string; readonly versions: readonly string[] }>();

  /** Oldest first. Null: there is no such program. @throws Error when it is there and does not answer. */
  async of(path: string): Promise<readonly string[] | null> {
    let signature: string;
    try {
      const stats = statSync(path);
      if (!stats.isFile()) return null;
      accessSync(path, constants.X_OK);
      signature = signatureOf(stats);
    } catch (error) {
      if (isErrno(error, "ENOENT") || isErrno(error, "EACCES")) return null;
      throw error;
    }
    const known = this.#known.get(path);
    if (known?.signature === signature) return known.versions;
    const versions = parse(path, await run(path));
    this.#known.set(path, { signature, versions });
    return versions;
  }
}

/** Versions that all speak. */
export function commonVersions(lists: readonly (readonly string[])[]): string[] {
  const [first = [], ...rest] = lists;
  return first.filter((version) => rest.every((list) => list.includes(version)));
}

function run(path: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const env = { CNI_COMMAND: "VERSION", CNI_PATH: dirname(path) };
  const child = execFile(path, { env, timeout: patience, killSignal: "SIGKILL" }, (error, stdout) => {
    if (error) reject(new Error(`ask ${path} for its versions: ${reasonOf(error)}`, { cause: error }));
    else resolve(stdout);
  });
  // A plugin need not read its input.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end('{"cniVersion":"1.0.0"}');
  return promise;
}

function parse(path: string, text: string): string[] {
  try {
    const { supportedVersions } = answer.parse(JSON.parse(text));
    const number = (version: string): number => version.split(".").reduce((sum, part) => sum * 1000 + Number(part), 0);
    return supportedVersions.toSorted((a, b) => number(a) - number(b));
  } catch (cause) {
    throw new Error(`ask ${path} for its versions: its answer is none of a CNI plugin`, { cause });
  }
}
