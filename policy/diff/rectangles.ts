/** Pairs of things of two sorts, as all of some with all of others. */
export interface Rectangle<Row, Column> {
  readonly rows: readonly Row[];
  readonly columns: readonly Column[];
}

/**
 * Covers pairs by rectangles without overlap: rows with the same columns together, or columns with the
 * same rows, whichever are fewer. Everything keeps the order in which it comes.
 *
 * @param pairs By row.
 * @param counterpart The column that is a row's own, where such a pair cannot be: then it is as if it could be either way.
 */
export function rectangles<Row, Column>(
  pairs: ReadonlyMap<Row, ReadonlySet<Column>>,
  counterpart: (row: Row) => Column | undefined,
): Rectangle<Row, Column>[] {
  const turned = new Map<Column, Set<Row>>();
  const rowOf = new Map<Column, Row>();
  for (const [row, columns] of pairs) {
    const own = counterpart(row);
    if (own !== undefined) rowOf.set(own, row);
    for (const column of columns) {
      const rows = turned.get(column);
      if (rows) rows.add(row);
      else turned.set(column, new Set([row]));
    }
  }
  const byRows = group(pairs, counterpart, turned);
  const byColumns = group(turned, (column) => rowOf.get(column), pairs);
  return byRows.length <= byColumns.length
    ? byRows.map(({ keys, values }) => ({ rows: keys, columns: values }))
    : byColumns.map(({ keys, values }) => ({ rows: values, columns: keys }));
}

interface Group<Key, Value> {
  readonly keys: Key[];
  readonly values: readonly Value[];
}

/** @param others The same pairs, turned. */
function group<Key, Value>(
  pairs: ReadonlyMap<Key, ReadonlySet<Value>>,
  counterpart: (key: Key) => Value | undefined,
  others: ReadonlyMap<Value, unknown>,
): Group<Key, Value>[] {
  const numbers = new Map([...others.keys()].map((value, i) => [value, i]));
  const textOf = (values: ReadonlySet<Value>): string =>
    [...values]
      .map((value) => numbers.get(value) ?? 0)
      .sort((a, b) => a - b)
      .join(",");
  const candidates = new Map<Key, { readonly values: ReadonlySet<Value>; readonly text: string }[]>();
  const popularity = new Map<string, number>();
  for (const [key, values] of pairs) {
    const own = counterpart(key);
    const isFree = own !== undefined && others.has(own) && !values.has(own);
    const variants = isFree ? [values, new Set([...values, own])] : [values];
    const named = variants.map((one) => ({ values: one, text: textOf(one) }));
    candidates.set(key, named);
    for (const { text } of named) popularity.set(text, (popularity.get(text) ?? 0) + 1);
  }
  const groups = new Map<string, Group<Key, Value>>();
  for (const [key, named] of candidates) {
    const [best] = named.toSorted((a, b) => (popularity.get(b.text) ?? 0) - (popularity.get(a.text) ?? 0));
    if (!best) continue;
    const found = groups.get(best.text);
    if (found) found.keys.push(key);
    else groups.set(best.text, { keys: [key], values: inOrder(best.values, numbers) });
  }
  return [...groups.values()];
}

function inOrder<Value>(values: ReadonlySet<Value>, numbers: ReadonlyMap<Value, number>): Value[] {
  return [...values].sort((a, b) => (numbers.get(a) ?? 0) - (numbers.get(b) ?? 0));
}
