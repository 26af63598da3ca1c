import { type FSWatcher, statSync, watch } from "node:fs";

/** Tells of changes in a folder, which itself may be removed and made again. */
export class FolderWatch implements Disposable {
  readonly #path: string;
  readonly #changed: () => void;
  #watcher: FSWatcher | null = null;
  /** Inode that the watcher looks at. */
  #watched = "";

  constructor(path: string, changed: () => void) {
    this.#path = path;
    this.#changed = changed;
  }

  /** Begins, or begins anew where the folder is another one. Without a folder there is nothing to watch. */
  follow(): void {
    try {
      const { dev, ino } = statSync(this.#path);
      if (this.#watcher && this.#watched === `${dev}/${ino}`) return;
      this[Symbol.dispose]();
      this.#watched = `${dev}/${ino}`;
      this.#watcher = watch(this.#path, { persistent: false }, this.#changed);
      // Whoever follows looks at the folder at an interval as well.
      this.#watcher.on("error", () => this[Symbol.dispose]());
    } catch {
      this[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
    this.#watcher = null;
  }
}
