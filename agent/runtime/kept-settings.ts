import { readList, writeList } from "./kept-list.ts";

/** A setting that was changed: its path below /proc/sys, the value that it had, and the one that it was given. */
export interface KeptSetting {
  readonly path: string;
  readonly before: string;
  readonly value: string;
}

const line = /^(net\/(?:(?!\/\.\.\/)\S)+) (-?\d+) (-?\d+)$/;

/** The settings in `<state-dir>/settings.json`, in the order in which they were changed. */
export function readSettings(path: string): readonly KeptSetting[] {
  const file = readList(path, (text) => line.test(text));
  if (!file.ok) {
    if (file.missing) return [];
    throw new Error(`read changed settings: ${file.message}; correct the file, or remove it to leave them as they are`);
  }
  return file.value.flatMap((text) => {
    const [, name, before, value] = line.exec(text) ?? [];
    return name !== undefined && before !== undefined && value !== undefined ? [{ path: name, before, value }] : [];
  });
}

/** Adds settings that are about to be changed; what is kept of one already is what it was at first. */
export function keepSettings(path: string, changes: readonly KeptSetting[]): void {
  const kept = readSettings(path);
  const fresh = changes.filter((change) => !kept.some((one) => one.path === change.path));
  if (fresh.length === 0) return;
  writeList(
    path,
    [...kept, ...fresh].map((one) => `${one.path} ${one.before} ${one.value}`),
  );
}
