import { type FSWatcher, readdirSync, statSync, watch } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Clock } from "#agent/runtime/clock.ts";
import { reasonOf } from "#agent/runtime/errors.ts";
import type { Log } from "#agent/runtime/log.ts";
import { objectKey, type PolicyObject } from "#policy/model/object.ts";
import { parseObjects } from "#policy/parse/objects.ts";
import type { LastValidFiles } from "./last-valid-files.ts";
import { readObjectFile, type Signature } from "./object-file.ts";
import { documentAround, type ObjectText } from "./object-text.ts";
import {
  formatObjectProblem,
  Listeners,
  type ObjectProblem,
  type ObjectSource,
  type SourceState,
} from "./object-source.ts";

export interface ObjectsFolderOptions {
  readonly path: string;
  readonly lastValid: LastValidFiles;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Milliseconds for which a file must not have changed before it is believed. */
  readonly settle?: number;
  /** Milliseconds between looks without a cause: links lead to files whose changes nobody tells. */
  readonly rescan?: number;
}

interface FileState {
  signature: Signature | null;
  /** What was read last, whether it was valid or not. */
  text: string | null;
  /** From the last valid text. */
  objects: readonly PolicyObject[];
  problems: readonly ObjectProblem[];
  /** Scans in a row that have not found the file, or have found it empty. */
  absences: number;
}

const SETTLE = 40;
const RESCAN = 5000;
/** A file that had objects and is empty or gone is believed to be so after this many scans: its writer may have just begun. */
const ABSENCES = 3;

/**
 * A folder of Kubernetes objects: each `*.yaml`, `*.yml` and `*.json` in it, not in its
 * subfolders; hidden files are none of ours.
 *
 * A file that is malformed, or cannot be read, is refused whole: what it last gave
 * validly stays in force, over restarts too, and its problems are told until they are
 * mended. The same for the whole folder when that cannot be read.
 *
 * Files are believed when nobody has changed them for a moment, so that half a file is
 * not taken for a file; editors that write a new file and rename it, and links that are
 * swapped as in a mounted ConfigMap, are seen at once.
 */
export class ObjectsFolder implements ObjectSource {
  readonly #options: Required<ObjectsFolderOptions>;
  readonly #listeners = new Listeners();
  readonly #files = new Map<string, FileState>();
  #folderProblem: ObjectProblem | null = null;
  #state: SourceState = { groups: [], problems: [] };
  #watcher: FSWatcher | null = null;
  /** Inode that the watcher looks at: the folder itself may be replaced. */
  #watched = "";
  #timer: { readonly due: "soon" | "later"; readonly timer: Disposable } | null = null;

  /** Reads the folder and begins to watch it. */
  constructor(options: ObjectsFolderOptions) {
    this.#options = { settle: SETTLE, rescan: RESCAN, ...options };
    options.signal.addEventListener("abort", () => this.#stop(), { once: true });
    this.#watch();
    this.#scan(true);
  }

  current(): SourceState {
    return this.#state;
  }

  text(key: string): ObjectText | null {
    for (const [name, { objects }] of this.#files) {
      const object = objects.find((one) => objectKey(one) === key);
      const text = object && this.#options.lastValid.get(join(this.#options.path, name));
      if (text !== undefined) return documentAround(text, object?.source.line ?? 1);
    }
    return null;
  }

  onChange(listener: () => void): Disposable {
    return this.#listeners.add(listener);
  }

  #watch(): void {
    const { path, log } = this.#options;
    try {
      const { dev, ino } = statSync(path);
      if (this.#watcher && this.#watched === `${dev}/${ino}`) return;
      this.#watcher?.close();
      this.#watched = `${dev}/${ino}`;
      this.#watcher = watch(path, { persistent: false }, () => this.#scanSoon());
      this.#watcher.on("error", (error) => {
        log.warn({ err: error, path }, "the folder of objects cannot be watched; it is looked at now and then");
        this.#unwatch();
      });
    } catch {
      // The scan that follows says what is wrong with the folder, and those after it try again.
      this.#unwatch();
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = null;
  }

  #stop(): void {
    this.#unwatch();
    this.#timer?.timer[Symbol.dispose]();
    this.#timer = null;
  }

  /** Scans a moment after the first sign of a change; more signs do not put it off. */
  #scanSoon(): void {
    if (this.#timer?.due !== "soon") this.#schedule("soon");
  }

  #schedule(due: "soon" | "later"): void {
    const { clock, signal, settle, rescan } = this.#options;
    this.#timer?.timer[Symbol.dispose]();
    this.#timer = null;
    if (signal.aborted) return;
    const scan = (): void => {
      this.#timer = null;
      this.#watch();
      this.#scan(false);
    };
    this.#timer = { due, timer: clock.setTimeout(scan, due === "soon" ? settle + 5 : rescan) };
  }

  #scan(first: boolean): void {
    const names = this.#names();
    let settled = true;
    if (names === null) {
      if (first) this.#recallAll();
    } else {
      for (const name of names) settled = this.#read(name, first) && settled;
      for (const name of this.#files.keys()) if (!names.includes(name)) settled = this.#miss(name) && settled;
      this.#options.lastValid.retain(new Set([...this.#files.keys()].map((name) => join(this.#options.path, name))));
    }
    this.#publish();
    this.#schedule(settled ? "later" : "soon");
  }

  /** The names of the folder's files of objects; null when the folder cannot be read. */
  #names(): string[] | null {
    const { path } = this.#options;
    try {
      const names = readdirSync(path).filter((name) => /^[^.].*\.(yaml|yml|json)$/.test(name));
      this.#folderProblem = null;
      return names.sort();
    } catch (error) {
      const message = `the folder cannot be read, so what it gave before stays in force: ${reasonOf(error)}`;
      this.#folderProblem = { file: path, line: null, column: null, field: null, message };
      return null;
    }
  }

  /** Brings a file's state up to date. False: look again soon. */
  #read(name: string, first: boolean): boolean {
    const state = this.#files.get(name) ?? newState();
    this.#files.set(name, state);
    const { settle, path } = this.#options;
    const file = readObjectFile(join(path, name), { last: state.signature, settle, first });
    if (file.state === "same") return true;
    if (file.state === "unsettled") return false;
    if (file.state === "unreadable") {
      if (state.text === null) this.#recall(name, state);
      state.signature = null;
      state.text = null;
      state.problems = [{ file: name, line: null, column: null, field: null, message: file.message }];
      return true;
    }
    if (file.text.trim() === "" && state.objects.length > 0 && ++state.absences < ABSENCES) return false;
    state.absences = 0;
    state.signature = file.signature;
    if (file.text !== state.text) this.#parse(name, state, file.text);
    return file.signature !== null;
  }

  #parse(name: string, state: FileState, text: string): void {
    const parsed = parseObjects(text, name);
    if (parsed.ok) {
      state.objects = parsed.objects;
      state.problems = [];
      this.#options.lastValid.keep(join(this.#options.path, name), text);
    } else {
      if (state.text === null) this.#recall(name, state);
      state.problems = parsed.errors;
    }
    state.text = text;
  }

  /** Takes what a file gave in an earlier life of the agent, unless it has given something in this one. */
  #recall(name: string, state: FileState): void {
    const text = this.#options.lastValid.get(join(this.#options.path, name));
    if (text === undefined || state.objects.length > 0) return;
    const parsed = parseObjects(text, name);
    if (parsed.ok) state.objects = parsed.objects;
  }

  /** At start: all that an earlier life had from a folder that cannot be read now. */
  #recallAll(): void {
    for (const path of this.#options.lastValid.paths()) {
      if (dirname(path) !== this.#options.path) continue;
      const state = newState();
      this.#files.set(basename(path), state);
      this.#recall(basename(path), state);
    }
  }

  /** A file that was there is not. False: look again soon, it may be on its way. */
  #miss(name: string): boolean {
    const state = this.#files.get(name);
    if (state && ++state.absences < ABSENCES) return false;
    this.#files.delete(name);
    return true;
  }

  #publish(): void {
    const { path, log } = this.#options;
    const files = [...this.#files].sort(([a], [b]) => (a < b ? -1 : 1));
    const groups = files.map(([name, { objects }]) => ({ id: join(path, name), objects }));
    const problems = files.flatMap(([, state]) => state.problems);
    const next = { groups, problems: this.#folderProblem ? [this.#folderProblem, ...problems] : problems };
    if (isSame(this.#state, next)) return;
    const before = new Set(this.#state.problems.map(formatObjectProblem));
    this.#state = next;
    for (const problem of next.problems.map(formatObjectProblem)) {
      if (!before.delete(problem)) log.warn({ problem }, "objects refused");
    }
    for (const problem of before) log.info({ problem }, "objects mended");
    this.#listeners.notify();
  }
}

function newState(): FileState {
  return { signature: null, text: null, objects: [], problems: [], absences: 0 };
}

function isSame(a: SourceState, b: SourceState): boolean {
  return (
    a.groups.length === b.groups.length &&
    a.groups.every(({ id, objects }, n) => id === b.groups[n]?.id && objects === b.groups[n].objects) &&
    JSON.stringify(a.problems) === JSON.stringify(b.problems)
  );
}
