import type { PolicyObject } from "#policy/model/object.ts";
import type { ObjectText } from "./object-text.ts";

/** What is wrong with a file of objects; `line`, `column` and `field` are null where it is the file as a whole. */
export interface ObjectProblem {
  readonly file: string;
  readonly line: number | null;
  readonly column: number | null;
  readonly field: string | null;
  readonly message: string;
}

/** Objects that come and go together, with a name that nothing else has. */
export interface ObjectGroup {
  readonly id: string;
  readonly objects: readonly PolicyObject[];
}

export interface SourceState {
  /** In the order in which they go before each other where two define the same object. */
  readonly groups: readonly ObjectGroup[];
  readonly problems: readonly ObjectProblem[];
}

/** Where objects come from: a folder, what was applied, later the API server. */
export interface ObjectSource {
  current(): SourceState;
  /** The text of the YAML document that defines an object; null: it has no such object. */
  text(key: string): ObjectText | null;
  /** Calls back after each change of objects or problems, until disposed of. */
  onChange(listener: () => void): Disposable;
}

/** `file:line:column: field: message`, without what is not known. */
export function formatObjectProblem({ file, line, column, field, message }: ObjectProblem): string {
  const place = [file, line, line === null ? null : column].filter((part) => part !== null).join(":");
  return `${place}: ${field === null ? "" : `${field}: `}${message}`;
}

/** Those who want to be told. */
export class Listeners {
  readonly #listeners = new Set<() => void>();

  add(listener: () => void): Disposable {
    const own = (): void => listener();
    this.#listeners.add(own);
    return { [Symbol.dispose]: () => void this.#listeners.delete(own) };
  }

  notify(): void {
    for (const listener of this.#listeners) listener();
  }
}
