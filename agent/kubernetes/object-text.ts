/** A part of a file, and the file's line that it begins with. */
export interface ObjectText {
  readonly text: string;
  readonly line: number;
}

/** Lines of a document that are given. */
const most = 2000;

/**
 * The YAML document of a file that a line stands in.
 *
 * @param first number of the text's first line.
 */
export function documentAround(text: string, line: number, first = 1): ObjectText {
  const lines = text.split("\n");
  const at = Math.max(0, Math.min(line - first, lines.length - 1));
  const isMark = (one: string | undefined): boolean => one !== undefined && /^---(\s|$)/.test(one);
  let start = at;
  while (start > 0 && !isMark(lines[start])) start--;
  if (isMark(lines[start])) start++;
  let end = Math.max(start, at);
  while (end < lines.length && !isMark(lines[end])) end++;
  // A list of very many objects is one document.
  if (end - start > most) start = Math.max(start, at);
  const part = lines.slice(start, Math.min(end, start + most));
  return { text: `${part.join("\n").trimEnd()}\n`, line: first + start };
}
