import { createHash } from "node:crypto";
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  rmdirSync,
  statSync,
} from "node:fs";
import type { Stats } from "node:fs";
import { basename, dirname, join } from "node:path";
import { isErrno } from "#agent/runtime/errors.ts";
import { removeFile, syncFolder, writeFileAtomic } from "#agent/runtime/files.ts";
import { isNetworkFile, parseNetworkFile } from "./network-file.ts";
import { backupOf, type InstallNote } from "./note.ts";

/** What stands at a path, links not followed. */
export type Found =
  | { readonly kind: "nothing" }
  | { readonly kind: "file"; readonly hash: string; readonly mode: number }
  | { readonly kind: "folder" }
  /** A link, a socket, a device. */
  | { readonly kind: "other" };

export function hashOf(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** A file that changed as recently as this, in ms, may change again within the same stamp of time. */
const settled = 100;

/** Looks at files, and reads again only those that have changed. */
export class Looker {
  readonly #hashes = new Map<string, { readonly signature: string; readonly hash: string }>();

  look(path: string): Found {
    let stats: Stats;
    try {
      stats = lstatSync(path);
    } catch (error) {
      this.#hashes.delete(path);
      if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return { kind: "nothing" };
      throw error;
    }
    if (!stats.isFile()) return { kind: stats.isDirectory() ? "folder" : "other" };
    return { kind: "file", hash: this.#hash(path, stats), mode: stats.mode & 0o7777 };
  }

  #hash(path: string, stats: Stats): string {
    const signature = signatureOf(stats);
    const known = this.#hashes.get(path);
    if (known?.signature === signature) return known.hash;
    const hash = hashOf(readFileSync(path));
    if (Math.abs(Date.now() - stats.ctimeMs) > settled) this.#hashes.set(path, { signature, hash });
    else this.#hashes.delete(path);
    return hash;
  }
}

/** More than any network configuration has, in bytes. */
const networkMax = 1024 * 1024;

/** What a runtime reads at a path, links followed: null where it passes a folder over; empty where there is nothing to read. */
export function readNetwork(path: string): string | null {
  try {
    const stats = statSync(path);
    if (stats.isDirectory()) return null;
    return stats.isFile() && stats.size <= networkMax ? readFileSync(path, "utf8") : "";
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ELOOP") || isErrno(error, "EACCES")) return "";
    throw error;
  }
}

/** Tells one state of a file from another without reading it. */
export function signatureOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return [dev, ino, size, mtimeMs, ctimeMs].join("/");
}

/** Makes a folder, and notes which ones had to be made. */
export function ensureFolder(path: string, note: InstallNote): void {
  const missing: string[] = [];
  for (let folder = path; !existsSync(folder); folder = dirname(folder)) missing.unshift(folder);
  if (missing.length === 0) return;
  note.makingFolders(missing);
  mkdirSync(path, { recursive: true, mode: 0o755 });
}

/**
 * Puts a file in place: whoever reads finds what was there before or all of the new, and a link
 * in the way is replaced, never followed. The temporary's name is none that a runtime reads.
 */
export function placeFile(path: string, content: string | Uint8Array, mode: number, note: InstallNote): void {
  const hash = hashOf(content);
  note.placing(path, hash);
  writeFileAtomic(path, content, { mode });
  note.hasPlaced(path, hash);
}

function secondName(path: string): string {
  return join(dirname(path), `.${basename(path)}.weir.tmp`);
}

/** What a crash during {@link placeFile} or {@link setAside} has left of files of ours. */
export function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (/^\.(0[05]?-weir\.conflist|weir-cni|weir-ipam)\.([0-9a-f]{12}|weir)\.tmp$/.test(name)) {
      rmSync(join(folder, name), { force: true });
    }
  }
}

/**
 * Somebody's file gets the name of a backup, in place of an older backup of the same file.
 *
 * @param keepName until a file of ours takes it: there is no moment without one.
 */
export function setAside(path: string, note: InstallNote, { keepName }: { readonly keepName: boolean }): void {
  note.settingAside(path);
  if (!keepName) {
    renameSync(path, backupOf(path));
  } else {
    const temporary = secondName(path);
    rmSync(temporary, { force: true });
    linkSync(path, temporary);
    renameSync(temporary, backupOf(path));
    rmSync(temporary, { force: true });
  }
  syncFolder(dirname(path));
}

/**
 * A backup gets its name back, from a file of ours without a moment between. False: somebody
 * has written another file of that name, and both stay.
 */
export function giveBack(path: string, note: InstallNote): boolean {
  const backup = backupOf(path);
  const looker = new Looker();
  if (isNothing(backup)) {
    note.givenBack(path);
    return true;
  }
  if (isPlaced(path, note)) {
    renameSync(backup, path);
    syncFolder(dirname(path));
    note.forgetFile(path);
  } else {
    try {
      linkSync(backup, path);
      syncFolder(dirname(path));
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
      const [kept, written] = [looker.look(backup), looker.look(path)];
      if (kept.kind !== "file" || written.kind !== "file" || kept.hash !== written.hash) return false;
    }
    removeFile(backup);
  }
  note.givenBack(path);
  return true;
}

/** Removes a file if it is what the agent has put there, or a network that an agent wrote and somebody edited. */
export function removePlaced(path: string, note: InstallNote): boolean {
  const removed = isPlaced(path, note) && removeFile(path);
  note.forgetFile(path);
  return removed;
}

export function isNothing(path: string): boolean {
  return new Looker().look(path).kind === "nothing";
}

/** Whether a file is what an agent wrote, be it that somebody edited it. */
export function isPlaced(path: string, note: InstallNote): boolean {
  const found = new Looker().look(path);
  return found.kind === "file" && (note.isOurs(path, found.hash) || isMarked(path));
}

function isMarked(path: string): boolean {
  return isNetworkFile(basename(path)) && parseNetworkFile(basename(path), readFileSync(path, "utf8")).isOurs;
}

/** Removes the folders that were made, unless somebody uses them. @returns those that are gone. */
export function removeFolders(note: InstallNote): string[] {
  return note.fields.folders.toReversed().filter((folder) => {
    try {
      rmdirSync(folder);
      return true;
    } catch (error) {
      if (["ENOENT", "ENOTEMPTY", "EEXIST", "ENOTDIR", "EBUSY"].some((code) => isErrno(error, code))) return false;
      throw error;
    }
  });
}
