import { dirname } from "node:path";
import { existsSync } from "node:fs";
import { reasonOf } from "#agent/runtime/errors.ts";
import { isNetworkFile } from "./network-file.ts";
import { backupOf, InstallNote } from "./note.ts";
import { giveBack, removeFolders, removeLeftovers, removePlaced } from "./places.ts";

export interface Uninstalled {
  readonly files: readonly string[];
  /** Those that have their own names back. */
  readonly backups: readonly string[];
  readonly folders: readonly string[];
  /** What could not be undone, and why; the note of it is kept. */
  readonly problems: readonly string[];
}

/**
 * Undoes what agents with this state folder have installed, also if one was killed while it did.
 * The networks of others come back first, so that there is always one where there was one; then
 * our network goes, and what it needed last. Files that are not what an agent has put there stay.
 */
export function uninstall(stateDir: string): Uninstalled {
  const files: string[] = [];
  const backups: string[] = [];
  const problems: string[] = [];
  const attempt = (asked: string, act: () => void): void => {
    try {
      act();
    } catch (error) {
      problems.push(`${asked}: ${reasonOf(error)}`);
    }
  };
  let note: InstallNote;
  try {
    note = new InstallNote(stateDir);
  } catch (error) {
    return { files, backups, folders: [], problems: [reasonOf(error)] };
  }
  const placed = Object.keys(note.fields.files);
  const remove = (path: string): void =>
    attempt(`remove ${path}`, () => {
      if (removePlaced(path, note)) files.push(path);
    });
  const aside = note.fields.setAside;
  for (const path of aside) {
    attempt(`rename ${backupOf(path)}`, () => {
      if (giveBack(path, note)) backups.push(backupOf(path));
      else problems.push(`rename ${backupOf(path)}: there is another ${path} by now; remove one of them`);
    });
  }
  for (const path of placed.filter(isNetworkFile)) remove(path);
  for (const path of placed.filter((other) => !isNetworkFile(other))) remove(path);
  for (const folder of new Set([...placed, ...aside].map((path) => dirname(path)))) {
    attempt(`remove temporary files of ${folder}`, () => {
      if (existsSync(folder)) removeLeftovers(folder);
    });
  }
  let folders: string[] = [];
  attempt("remove folders", () => {
    folders = removeFolders(note);
  });
  return { files, backups, folders, problems };
}
