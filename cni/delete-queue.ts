import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";

import { deleteRequestFolder, deleteRequestPath, encodeDeleteRequest } from "#agent/api/delete-request.ts";

import { CniError, ErrorCode } from "./errors.ts";

/** Where the delete requests for an agent that is away are left. */
export class DeleteQueue {
  readonly #runDir: string;

  constructor(runDir: string) {
    this.#runDir = runDir;
  }

  /**
   * Leaves a request, whole or not at all.
   * @throws CniError TRY_AGAIN: the runtime has to call DEL again.
   */
  add(containerId: string, ifName: string): void {
    const path = deleteRequestPath(this.#runDir, containerId, ifName);
    const temporary = `${path}.${process.pid}`;
    try {
      mkdirSync(deleteRequestFolder(this.#runDir), { recursive: true, mode: 0o700 });
      const fd = openSync(temporary, "w", 0o600);
      try {
        writeSync(fd, encodeDeleteRequest({ containerId, ifName, time: new Date().toISOString() }));
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      const message = `leave delete request for the agent in ${path}: ${(error as Error).message}`;
      throw new CniError(ErrorCode.TRY_AGAIN, message, "", { cause: error });
    }
  }

  /** Takes a request back. */
  remove(containerId: string, ifName: string): void {
    rmSync(deleteRequestPath(this.#runDir, containerId, ifName), { force: true });
  }
}
