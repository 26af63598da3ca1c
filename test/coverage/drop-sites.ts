import { DropReason, SourceFile } from "#agent/datapath/layouts.gen.ts";

/** A `DROP(reason)` in the source. */
export interface DropSite {
  readonly file: string;
  readonly line: number;
  /** As in `enum drop_reason`. */
  readonly reason: number;
  /** By which number events and counters call the file: `enum source_file`. */
  readonly fileNumber: number;
}

const sites = /\bDROP\((\w+)\)/g;
/** Of a comment, or of a macro. */
const comment = /^\s*(\/?\*|#define)/;
const definition = /^#define SOURCE_FILE FILE_(\w+)$/;

/**
 * The drops of one source file.
 *
 * @throws Error naming the line of a drop whose reason or file no enum has.
 */
export function dropSites(file: string, text: string): DropSite[] {
  let fileNumber: number | undefined;
  return text.split("\n").flatMap((content, index) => {
    const name = definition.exec(content)?.[1];
    if (name !== undefined) fileNumber = numberOf(SourceFile, name);
    if (comment.test(content)) return [];
    return [...content.matchAll(sites)].map(([use, reasonName = ""]): DropSite => {
      const reason = numberOf(DropReason, reasonName.replace(/^DROP_/, ""));
      if (reason === undefined || fileNumber === undefined) {
        const lack = reason === undefined ? "no reason of enum drop_reason" : "in a file without SOURCE_FILE";
        throw new Error(`read drops of ${file}:${index + 1}: ${use} is ${lack}`);
      }
      return { file, line: index + 1, reason, fileNumber };
    });
  });
}

function numberOf(values: Readonly<Record<string, number>>, name: string): number | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}
