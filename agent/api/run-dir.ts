/** Who has the folder where an agent is found. */
import { constants, type Stats } from "node:fs";
import { link, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { connect } from "node:net";
import { isErrno } from "#agent/runtime/errors.ts";
import { ApiError } from "./errors.ts";
import { agentSocket, pidFile } from "./run-dir-paths.ts";

/**
 * Makes the folder this process's own until the claim is disposed of: one agent a
 * folder. The pid file is kept open; that is how the process that wrote it is told
 * from a later one with the same number.
 *
 * @throws ApiError `run-dir-in-use`, naming the process that has it.
 */
export async function claimRunDir(runDir: string): Promise<AsyncDisposable> {
  await mkdir(runDir, { recursive: true, mode: 0o755 });
  const path = pidFile(runDir);
  const own = `${path}.${process.pid}`;
  const file = await open(own, constants.O_CREAT | constants.O_TRUNC | constants.O_WRONLY, 0o644);
  try {
    await file.writeFile(`${process.pid}\n`);
    for (;;) {
      const { agent, inode } = await inspect(runDir);
      if (agent) throw inUse(runDir, agent);
      if (inode !== undefined) await discard(path, inode);
      try {
        // A hard link, because it fails where a rename would replace.
        await link(own, path);
        break;
      } catch (error) {
        if (!isErrno(error, "EEXIST")) throw error;
      }
    }
  } catch (error) {
    await file.close();
    throw error;
  } finally {
    await rm(own, { force: true });
  }
  return {
    [Symbol.asyncDispose]: async () => {
      await rm(path, { force: true });
      await file.close();
    },
  };
}

/** An agent that lives on a run folder. */
export interface RunningAgent {
  /** 0: in another process namespace. */
  readonly pid: number;
}

/** The agent that has the run folder, if it lives: it holds its pid file open, or answers. */
export async function runningAgent(runDir: string): Promise<RunningAgent | undefined> {
  return (await inspect(runDir)).agent;
}

/** Who has the run folder, and which pid file says so. */
async function inspect(runDir: string): Promise<{ agent?: RunningAgent; inode?: number }> {
  const path = pidFile(runDir);
  const found = await stat(path).catch(ifMissing(undefined));
  const pid = Number((await readFile(path, "utf8").catch(ifMissing(""))).trim());
  if (found && Number.isInteger(pid) && pid > 0 && (await holds(pid, found))) return { agent: { pid } };
  if (await answers(agentSocket(runDir))) return { agent: { pid: 0 } };
  return found ? { inode: found.ino } : {};
}

function inUse(runDir: string, other: RunningAgent): ApiError {
  const who = other.pid === 0 ? "another agent answers on its socket" : `the agent with process id ${other.pid} has it`;
  return new ApiError("run-dir-in-use", {
    asked: `claim run folder ${runDir}`,
    obstacle: who,
    remedy: "stop that one or use another --run-dir",
  });
}

/** Takes a dead agent's pid file away; puts it back if another one stands there by now. */
async function discard(path: string, inode: number): Promise<void> {
  const aside = `${path}.${process.pid}.old`;
  await rename(path, aside).catch(ifMissing(undefined));
  const moved = await stat(aside).catch(ifMissing(undefined));
  if (moved && moved.ino !== inode) await link(aside, path).catch(ignoreExisting);
  await rm(aside, { force: true });
}

/** Whether a process has the file open. */
async function holds(pid: number, wanted: Stats): Promise<boolean> {
  let descriptors: string[];
  try {
    descriptors = await readdir(`/proc/${pid}/fd`);
  } catch (error) {
    // Somebody else's process: it exists, more cannot be seen.
    return isErrno(error, "EACCES");
  }
  for (const descriptor of descriptors) {
    const held = await stat(`/proc/${pid}/fd/${descriptor}`).catch(() => undefined); // closed meanwhile
    if (held?.ino === wanted.ino && held.dev === wanted.dev) return true;
  }
  return false;
}

async function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket.once("connect", () => resolve(true));
  socket.once("error", () => resolve(false));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

function ifMissing<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === "ENOENT") return value;
    throw error;
  };
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}
