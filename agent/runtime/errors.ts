/** The three parts of an error's sentence. */
export interface Complaint {
  /** What was asked, verb first: `allocate an address`. */
  readonly asked: string;
  /** What stood in the way: `pool 10.0.0.0/24 has no free address`. */
  readonly obstacle: string;
  /** What the person can do; absent where there is nothing to say. */
  readonly remedy?: string;
}

/**
 * The base of the agent's errors. `code` is a word of a closed list that each subclass
 * names; the message reads `asked: obstacle; remedy`.
 */
export abstract class WeirError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly remedy: string | null;

  constructor(code: Code, { asked, obstacle, remedy }: Complaint, options?: ErrorOptions) {
    super(`${asked}: ${obstacle}${remedy === undefined ? "" : `; ${remedy}`}`, options);
    this.name = new.target.name;
    this.code = code;
    this.remedy = remedy ?? null;
  }
}

/** The words of whatever was thrown, for use inside a sentence. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Whether this is a system call's error with the given name, e.g. `ENOENT`. */
export function isErrno(thrown: unknown, name: string): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === name;
}
