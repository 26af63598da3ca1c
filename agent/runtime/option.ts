import type * as z from "zod";

/** One option of `weir agent`: flag, environment variable and key of the configuration file. */
export interface Option<Schema extends z.ZodType = z.ZodType, Default extends string | null = string | null> {
  /** Without dashes: `run-dir` is `--run-dir`, `WEIR_RUN_DIR` and the file's key `run-dir`. */
  readonly flag: string;
  /** What the help shows after the flag, e.g. `DIR`; null: the flag takes no value and means `true`. */
  readonly value: string | null;
  /** One sentence for the help and the documentation. */
  readonly description: string;
  /** As one would write it; null: not set. */
  readonly default: Default;
  /** What the documentation says in place of a default, e.g. `host name`. */
  readonly defaultText?: string;
  /** The flag may be given several times: the values count as one, with commas between. */
  readonly repeatable?: boolean;
  /** From text to the typed value. */
  readonly schema: Schema;
  /** Texts that this version can serve; others are refused by name. Absent: all that the schema takes. */
  readonly available?: readonly string[];
  /** Flags without which this one means nothing: where it is set, they must be. */
  readonly needs?: readonly string[];
}

/** Gives an entry of the table its precise type. */
export function option<Schema extends z.ZodType, Default extends string | null>(
  entry: Option<Schema, Default>,
): Option<Schema, Default> {
  return entry;
}

export function environmentName(flag: string): string {
  return `WEIR_${flag.replaceAll("-", "_").toUpperCase()}`;
}
