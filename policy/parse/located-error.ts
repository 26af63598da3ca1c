import { oneLine } from "./text.ts";

/** What is wrong with a file, and where. */
export interface LocatedError {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  /** Path inside the object, `spec.ingress[0].ports[1].endPort`; `document` where the file is no YAML. */
  readonly field: string;
  /** What is wrong and what is accepted. */
  readonly message: string;
}

/** `file:line:column: field: what is wrong` */
export function formatLocatedError({ file, line, column, field, message }: LocatedError): string {
  return `${oneLine(file)}:${line}:${column}: ${field}: ${message}`;
}
