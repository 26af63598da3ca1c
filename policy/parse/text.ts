import type { Node } from "yaml";

/** A text without what ends lines, moves the cursor or turns the direction of letters around. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, " ");
}

/** Enough of a text to know it by, on one line. */
export function shorten(text: string): string {
  const line = oneLine(text.slice(0, 100));
  return text.length > 100 ? `${line}...` : line;
}

/** The name of a field: numbers and the like as they are written. */
export function keyText(key: { readonly value: unknown; readonly source?: string }): string {
  return typeof key.value === "string" ? key.value : (key.source ?? String(key.value));
}

/** Where a node begins in the text, in UTF-16 units. */
export function start(node: Node): number {
  return node.range?.[0] ?? 0;
}
