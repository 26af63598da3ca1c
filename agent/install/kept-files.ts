import { reasonOf } from "#agent/runtime/errors.ts";
import { Contest } from "./contest.ts";
import type { InstallNote } from "./note.ts";
import { Looker } from "./places.ts";

/** A file as it shall be. */
export interface KeptFile {
  readonly path: string;
  /** Of its content: SHA-256, hex. */
  readonly hash: string;
  readonly mode: number;
  /** Puts it in place, and notes that. */
  readonly write: () => void;
}

export interface Kept {
  /** Whether the file is as it shall be now. */
  readonly isRight: boolean;
  /** What was done, in a sentence. */
  readonly event?: string;
  readonly problem?: string;
  /** Milliseconds until another attempt is due. */
  readonly wait?: number;
}

/** Writes files that are not as they should be, but not for ever when another program writes them otherwise. */
export class KeptFiles {
  readonly #looker = new Looker();
  readonly #contests = new Map<string, Contest>();

  contest(path: string): Contest {
    const contest = this.#contests.get(path) ?? new Contest();
    this.#contests.set(path, contest);
    return contest;
  }

  /** @param now in ms, of a clock that is not set. */
  keep({ path, hash, mode, write }: KeptFile, note: InstallNote, now: number): Kept {
    const found = this.#looker.look(path);
    const contest = this.contest(path);
    if (found.kind === "folder") {
      return { isRight: false, problem: `${path} is a folder, in the way of a file; remove it` };
    }
    if (found.kind === "file" && found.hash === hash && found.mode === mode) {
      if (note.placed(path) !== hash) note.hasPlaced(path, hash);
      return { isRight: true, ...contestProblem(path, contest, now) };
    }
    const placed = note.placed(path);
    const isOurs = found.kind === "file" && note.isOurs(path, found.hash) && found.mode === mode;
    const isDisturbed = placed !== null && !isOurs;
    const wait = isDisturbed ? contest.wait(now) : 0;
    if (wait > 0) {
      const problem = `${path} is not what the agent put there; it is put back in ${Math.ceil(wait / 1000)} s`;
      return { isRight: false, problem, wait };
    }
    try {
      write();
    } catch (error) {
      return { isRight: false, problem: `${path} cannot be written: ${reasonOf(error)}` };
    }
    const done = placed === null ? "is installed" : "is updated";
    if (!isDisturbed) return { isRight: true, event: `${path} ${done}` };
    contest.wasPutBack(now);
    const what = found.kind === "nothing" ? "was gone" : "was changed by something else";
    return { isRight: true, event: `${path} ${what}: it is put back`, ...contestProblem(path, contest, now) };
  }
}

function contestProblem(path: string, contest: Contest, now: number): { readonly problem?: string } {
  const times = contest.times(now);
  if (times === 0) return {};
  return {
    problem: `${path} was put back ${times} times: another program removes or changes it; find it, or give the agent another folder`,
  };
}
