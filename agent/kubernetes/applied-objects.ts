import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { reasonOf } from "#agent/runtime/errors.ts";
import { removeFile, removeTemporaries, writeFileAtomic } from "#agent/runtime/files.ts";
import type { Log } from "#agent/runtime/log.ts";
import { objectKey, type PolicyObject } from "#policy/model/object.ts";
import type { Source } from "#policy/model/object-base.ts";
import type { LocatedError } from "#policy/parse/located-error.ts";
import { parseObjects } from "#policy/parse/objects.ts";
import { documentAround, type ObjectText } from "./object-text.ts";
import { Listeners, type ObjectProblem, type ObjectSource, type SourceState } from "./object-source.ts";
import { readStored, storedName, storedText, storeObjects, storeWhole } from "./stored-object.ts";

export interface AppliedObjectsOptions {
  /** Folder, made if it is missing. */
  readonly path: string;
  readonly log: Log;
  /** Where another source defines an object; such an object is refused. */
  readonly elsewhere?: (key: string) => Source | null;
}

export type ApplyResult =
  | { readonly ok: true; readonly objects: readonly PolicyObject[] }
  | { readonly ok: false; readonly errors: readonly LocatedError[] };

/** Characters that copies of one applied file may take. */
const WHOLE_MAX = 16 * 1024 * 1024;

interface Applied {
  readonly name: string;
  readonly text: string;
  readonly object: PolicyObject;
}

/** Objects that were handed to the agent: one file each in the state folder, which survives a restart. */
export class AppliedObjects implements ObjectSource {
  readonly #options: AppliedObjectsOptions;
  readonly #listeners = new Listeners();
  readonly #objects = new Map<string, Applied>();
  #problems: ObjectProblem[] = [];

  /** Reads the folder. A file that is not what was stored is a problem, and stays where it is. */
  constructor(options: AppliedObjectsOptions) {
    this.#options = options;
    mkdirSync(options.path, { recursive: true, mode: 0o700 });
    removeTemporaries(options.path);
    for (const name of readdirSync(options.path).sort()) if (name.endsWith(".yaml")) this.#load(name);
  }

  /** Each object is a group of its own: each can be replaced and deleted by itself. */
  current(): SourceState {
    const groups = [...this.#objects].map(([key, { object }]) => ({ id: `applied:${key}`, objects: [object] }));
    return { groups, problems: this.#problems };
  }

  onChange(listener: () => void): Disposable {
    return this.#listeners.add(listener);
  }

  text(key: string): ObjectText | null {
    const applied = this.#objects.get(key);
    if (!applied) return null;
    const { text, line } = storedText(applied.text);
    return documentAround(text, applied.object.source.line ?? line, line);
  }

  list(): readonly PolicyObject[] {
    return [...this.#objects.values()].map(({ object }) => object);
  }

  /**
   * Takes the objects of a file: all of them, or none and every error. Each goes in the
   * place of an earlier one with its kind, namespace and name.
   *
   * @param file the name that the user knows it by.
   */
  apply(text: string, file: string): ApplyResult {
    const parsed = parseObjects(text, file);
    if (!parsed.ok) return parsed;
    const stored = storeObjects(text, file, parsed.objects);
    const leaning = parsed.objects.filter((object) => !stored.has(objectKey(object)));
    const errors = parsed.objects.flatMap((object) => this.#refuse(object));
    if (leaning.length * text.length > WHOLE_MAX) for (const object of leaning) errors.push(leansTooMuch(object));
    if (errors.length > 0) return { ok: false, errors };
    const applied = parsed.objects.map((object) => {
      const key = objectKey(object);
      return { key, name: storedName(key), text: stored.get(key) ?? storeWhole(text, file), object };
    });
    for (const { key, name, text: content } of applied) {
      if (this.#objects.get(key)?.text !== content) writeFileAtomic(join(this.#options.path, name), content);
    }
    for (const entry of applied) {
      this.#objects.set(entry.key, entry);
      this.#problems = this.#problems.filter((problem) => problem.file !== join(this.#options.path, entry.name));
    }
    this.#listeners.notify();
    return { ok: true, objects: parsed.objects };
  }

  /** Deletes by `KIND/NAMESPACE/NAME`. False when no such object was applied. */
  delete(key: string): boolean {
    const applied = this.#objects.get(key);
    if (!applied) return false;
    removeFile(join(this.#options.path, applied.name));
    this.#objects.delete(key);
    this.#listeners.notify();
    return true;
  }

  #refuse(object: PolicyObject): LocatedError[] {
    const key = objectKey(object);
    const other = this.#options.elsewhere?.(key);
    if (!other) return [];
    const place = other.line === null ? other.file : `${other.file}:${other.line}`;
    const message = `${key} is already defined at ${place}; change it there`;
    return [refusal(object, "metadata.name", message)];
  }

  #load(name: string): void {
    const path = join(this.#options.path, name);
    const fail = (message: string): void => {
      this.#options.log.error({ file: path, reason: message }, "applied object lost");
      this.#problems.push({ file: path, line: null, column: null, field: null, message: `is not used: ${message}` });
    };
    try {
      const text = readFileSync(path, "utf8");
      // A document may define several objects; the file's name says which of them is meant.
      const result = readStored(text, (object) => storedName(objectKey(object)) === name);
      if (result.ok) this.#objects.set(objectKey(result.object), { name, text, object: result.object });
      else fail(result.message);
    } catch (error) {
      fail(reasonOf(error));
    }
  }
}

function leansTooMuch(object: PolicyObject): LocatedError {
  const message =
    "leans on other parts of a large file (anchors, or the kind of a typed list); apply it in a file of its own";
  return refusal(object, "document", message);
}

function refusal({ source }: PolicyObject, field: string, message: string): LocatedError {
  return { file: source.file, line: source.line ?? 1, column: 1, field, message };
}
