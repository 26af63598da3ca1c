import type { Content } from "./part.ts";
import type { Redactor } from "./redact.ts";

/** Bytes that one part may have. */
export const partBytes = 2 * 1024 * 1024;

export interface Rendered {
  readonly bytes: Buffer;
  /** What was left out; null: nothing. */
  readonly left: string | null;
}

/** A part without secrets, and not larger than it may be: what is left of JSON is JSON, of lines whole lines. */
export function render(content: Exclude<Content, { kind: "absent" }>, redactor: Redactor): Rendered {
  if (content.kind === "lines") return renderLines(redactor.lines(content.text), content.left ?? 0);
  if (Array.isArray(content.value)) return renderList(content.value, content.more ?? 0, redactor);
  const bytes = Buffer.from(`${toJson(redactor.value(content.value), 2)}\n`);
  if (bytes.length <= partBytes) return { bytes, left: null };
  return { bytes: Buffer.from("null\n"), left: `all of it: ${bytes.length} bytes are too many` };
}

function renderLines(text: string, left: number): Rendered {
  const bytes = Buffer.from(text.endsWith("\n") || text === "" ? text : `${text}\n`);
  if (bytes.length <= partBytes) return { bytes, left: left === 0 ? null : `${left} bytes` };
  const end = bytes.lastIndexOf(10, partBytes - 1) + 1;
  return { bytes: bytes.subarray(0, end), left: `${bytes.length - end + left} bytes` };
}

/** One item a line. */
function renderList(items: readonly unknown[], more: number, redactor: Redactor): Rendered {
  const lines: string[] = [];
  let size = 4;
  for (const item of items) {
    const line = toJson(redactor.value(item));
    size += Buffer.byteLength(line) + 2;
    if (size > partBytes) break;
    lines.push(line);
  }
  const left = items.length - lines.length + more;
  const bytes = Buffer.from(lines.length === 0 ? "[]\n" : `[\n${lines.join(",\n")}\n]\n`);
  return { bytes, left: left === 0 ? null : `${left} of ${items.length + more} entries` };
}

/** Numbers that JSON has no room for are texts. */
function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_, of: unknown) => (typeof of === "bigint" ? String(of) : of), indent) ?? "null";
}
