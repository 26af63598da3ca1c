import { styleText } from "node:util";

/** How a cell looks on a terminal. */
export type Style = Parameters<typeof styleText>[0];

/** Colours a text, or leaves it when the output is no terminal. */
export type Paint = (style: Style, text: string) => string;

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string | number | null;
  readonly style?: (row: Row) => Style | undefined;
}

const gap = "  ";

/** Rows in aligned columns under their titles; numbers stand to the right. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], paint: Paint): string {
  const laidOut = columns.map((column) => {
    const values = rows.map((row) => column.value(row));
    const right = values.length > 0 && values.every((value) => typeof value === "number");
    const cells = values.map((value) => printable(String(value ?? "-")));
    const width = cells.reduce((most, cell) => Math.max(most, cell.length), column.title.length);
    return { column, cells, pad: (text: string) => (right ? text.padStart(width) : text.padEnd(width)) };
  });
  const title = laidOut.map(({ column, pad }) => pad(column.title)).join(gap);
  const lines = rows.map((row, index) => {
    const cells = laidOut.map(({ column, cells: texts, pad }) => {
      const style = column.style?.(row);
      const text = pad(texts[index] ?? "");
      return style === undefined ? text : paint(style, text);
    });
    return cells.join(gap).trimEnd();
  });
  return [paint("bold", title.trimEnd()), ...lines, ""].join("\n");
}

/** Names and values below each other; a long value may have several lines. */
export function properties(pairs: readonly (readonly [string, string | number | null])[], paint: Paint): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  const lines = pairs.flatMap(([name, value]) => {
    const [first = "", ...rest] = String(value ?? "-").split("\n");
    const indent = " ".repeat(width);
    return [
      `${paint("bold", name.padEnd(width))}${gap}${printable(first)}`.trimEnd(),
      ...rest.map((line) => `${indent}${gap}${printable(line)}`),
    ];
  });
  return [...lines, ""].join("\n");
}

/** Text that cannot command a terminal: names and labels come from whoever made the pod. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

/** Like {@link printable}, but lines may end. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** `a=1,b=2`, sorted; `-` when there are none. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels).map(([key, value]) => (value === "" ? key : `${key}=${value}`));
  return parts.sort().join(",") || "-";
}
