import { join } from "node:path";
import * as z from "zod";
import { readJsonFile, writeFileAtomic } from "#agent/runtime/files.ts";

const noteFields = z.object({
  /** By path. Hashes (SHA-256, hex) of the content that is in place, and of what was about to replace it. */
  files: z.record(z.string(), z.object({ placed: z.string().nullable(), placing: z.string().nullable() })),
  /** Paths whose files wait under {@link backupOf} for the end of the installation. */
  setAside: z.array(z.string()),
  /** Folders that were made for it, the outer before the inner. */
  folders: z.array(z.string()),
});
export type NoteFields = z.infer<typeof noteFields>;

const nothing: NoteFields = { files: {}, setAside: [], folders: [] };

/** In the state folder. */
export const noteFile = "cni-install.json";

/** Where a file of somebody else waits. No runtime reads a file with this ending. */
export function backupOf(path: string): string {
  return `${path}.weir_bak`;
}

/**
 * What was installed where, written before it is done: whatever moment a crash leaves, what
 * the note does not know was not touched.
 */
export class InstallNote {
  readonly #path: string;
  #fields: NoteFields;

  /** @throws Error when there is a note that cannot be read. */
  constructor(stateDir: string) {
    this.#path = join(stateDir, noteFile);
    const file = readJsonFile(this.#path, noteFields);
    if (!file.ok && !file.missing) throw new Error(`read what was installed: ${file.message}`);
    this.#fields = file.ok ? file.value : nothing;
  }

  get fields(): NoteFields {
    return this.#fields;
  }

  /** The hash of what was put at a path; null: nothing was. */
  placed(path: string): string | null {
    return this.#fields.files[path]?.placed ?? null;
  }

  /** Whether content at a path is what the agent put there. */
  isOurs(path: string, hash: string): boolean {
    const entry = this.#fields.files[path];
    return entry !== undefined && (entry.placed === hash || entry.placing === hash);
  }

  placing(path: string, hash: string): void {
    this.#setFile(path, { placed: this.placed(path), placing: hash });
  }

  hasPlaced(path: string, hash: string): void {
    this.#setFile(path, { placed: hash, placing: null });
  }

  forgetFile(path: string): void {
    const { [path]: _gone, ...files } = this.#fields.files;
    this.#save({ ...this.#fields, files });
  }

  settingAside(path: string): void {
    const { setAside } = this.#fields;
    if (!setAside.includes(path)) this.#save({ ...this.#fields, setAside: [...setAside, path].sort() });
  }

  givenBack(path: string): void {
    this.#save({ ...this.#fields, setAside: this.#fields.setAside.filter((other) => other !== path) });
  }

  makingFolders(paths: readonly string[]): void {
    const folders = [...new Set([...this.#fields.folders, ...paths])].sort();
    if (folders.length > this.#fields.folders.length) this.#save({ ...this.#fields, folders });
  }

  #setFile(path: string, entry: NoteFields["files"][string]): void {
    const before = this.#fields.files[path];
    if (before?.placed === entry.placed && before.placing === entry.placing) return;
    this.#save({ ...this.#fields, files: { ...this.#fields.files, [path]: entry } });
  }

  #save(fields: NoteFields): void {
    writeFileAtomic(this.#path, JSON.stringify(fields));
    this.#fields = fields;
  }
}
