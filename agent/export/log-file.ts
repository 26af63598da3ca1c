import { constants } from "node:fs";
import { type FileHandle, open, rename, stat } from "node:fs/promises";
import { isErrno } from "#agent/runtime/errors.ts";

/** For its owner to write, for its group to read. */
const mode = 0o640;
const newline = 10;
const { O_APPEND, O_CREAT, O_EXCL, O_NONBLOCK, O_WRONLY } = constants;

export interface LogFileLimits {
  /** Bytes from which on a file is put aside. One line may have more. */
  readonly maxBytes: number;
  /** Files that are kept beside the one that is written: `FILE.1`, the newest, and so on. */
  readonly kept: number;
}

/**
 * A file of lines that is put aside when it is full. A line is never in two files, none is written twice, and every
 * file has whole lines once what stood in the way is gone. Who moves the file away (logrotate) gets a new one.
 */
export class LogFile implements AsyncDisposable {
  readonly #path: string;
  readonly #limits: LogFileLimits;
  #file: FileHandle;
  #size: number;

  private constructor(path: string, limits: LogFileLimits, { file, size }: OpenedFile) {
    this.#path = path;
    this.#limits = limits;
    this.#file = file;
    this.#size = size;
  }

  /** Goes on with a file that is there. @throws what the system says. */
  static async open(path: string, limits: LogFileLimits): Promise<LogFile> {
    return new LogFile(path, limits, await openFile(path));
  }

  /**
   * Writes as many lines as the file has room for, at least one.
   *
   * @param lines whole ones.
   * @returns how many bytes that were.
   * @throws what the system says; then nothing of them is in the file.
   */
  async append(lines: Uint8Array): Promise<number> {
    await this.#follow();
    let length = this.#fitting(lines);
    if (length === 0 && this.#size > 0) {
      await this.#rotate();
      length = this.#fitting(lines);
    }
    if (length === 0) length = lines.indexOf(newline) + 1 || lines.length;
    await this.#write(lines.subarray(0, length));
    return length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  /** Bytes of whole lines that there is room for. */
  #fitting(lines: Uint8Array): number {
    const room = this.#limits.maxBytes - this.#size;
    if (room >= lines.length) return lines.length;
    return room <= 0 ? 0 : lines.lastIndexOf(newline, room - 1) + 1;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;) {
        done += (await this.#file.write(bytes, done, bytes.length - done, null)).bytesWritten;
      }
    } catch (error) {
      // A disk that gets full in the middle of a line.
      await this.#file.truncate(this.#size);
      throw error;
    }
    this.#size += bytes.length;
  }

  /** Somebody may have moved the file, removed or emptied it. */
  async #follow(): Promise<void> {
    const [own, found] = await Promise.all([this.#file.stat(), statIfThere(this.#path)]);
    this.#size = own.size;
    if (found?.dev !== own.dev || found.ino !== own.ino) await this.#reopen();
  }

  async #rotate(): Promise<void> {
    const { kept } = this.#limits;
    for (let number = kept; number > 0; number--) {
      const newer = number === 1 ? this.#path : `${this.#path}.${number - 1}`;
      await renameIfThere(newer, `${this.#path}.${number}`);
    }
    await this.#reopen();
  }

  /** Where that fails, what is open stays open, and is not what the path leads to. */
  async #reopen(): Promise<void> {
    const before = this.#file;
    const { file, size } = await openFile(this.#path);
    [this.#file, this.#size] = [file, size];
    await before.close();
  }
}

interface OpenedFile {
  readonly file: FileHandle;
  readonly size: number;
}

async function openFile(path: string): Promise<OpenedFile> {
  // A pipe without a reader would hold us up for ever.
  const flags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK;
  let file: FileHandle;
  try {
    file = await open(path, flags | O_EXCL, mode);
    // Whatever the umask is.
    await file.chmod(mode);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
    file = await open(path, flags, mode);
  }
  const stats = await file.stat();
  if (stats.isFile()) return { file, size: stats.size };
  await file.close();
  throw new Error("it is no file");
}

async function statIfThere(path: string): Promise<{ readonly dev: number; readonly ino: number } | null> {
  try {
    return await stat(path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}
