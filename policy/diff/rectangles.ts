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

/** What a key could be paired with, with or without its own counterpart. */
interface Variant<Value> {
  readonly values: ReadonlySet<Value>;
  readonly text: string;
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
  const candidates: { readonly key: Key; readonly variants: readonly Variant<Value>[] }[] = [];
  const popularity = new Map<string, number>();
  const count = ({ text }: Variant<Value>): number => popularity.get(text) ?? 0;
  for (const [key, values] of pairs) {
    const own = counterpart(key);
    const isFree = own !== undefined && others.has(own) && !values.has(own);
    const sets = isFree ? [values, new Set([...values, own])] : [values];
    const variants = sets.map((one): Variant<Value> => ({ values: one, text: textOf(one) }));
    candidates.push({ key, variants });
    for (const variant of variants) popularity.set(variant.text, count(variant) + 1);
  }
  // Who has no choice, or a clear one, chooses first; what others have not chosen no longer counts.
  const order = candidates.toSorted((a, b) => Math.max(...b.variants.map(count)) - Math.max(...a.variants.map(count)));
  const chosen = new Map<Key, Variant<Value>>();
  for (const { key, variants } of order) {
    const [best, ...others] = variants.toSorted((a, b) => count(b) - count(a));
    if (best) chosen.set(key, best);
    for (const other of others) popularity.set(other.text, count(other) - 1);
  }
  const groups = new Map<string, Group<Key, Value>>();
  for (const key of pairs.keys()) {
    const { text, values } = chosen.get(key) as Variant<Value>;
    const found = groups.get(text);
    if (found) found.keys.push(key);
    else groups.set(text, { keys: [key], values: inOrder(values, numbers) });
  }
  return [...groups.values()];
}

function inOrder<Value>(values: ReadonlySet<Value>, numbers: ReadonlyMap<Value, number>): Value[] {
  return [...values].sort((a, b) => (numbers.get(a) ?? 0) - (numbers.get(b) ?? 0));
}
