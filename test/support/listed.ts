/** All that a table holds. */
export async function listed<T>(table: { all(): AsyncIterable<readonly T[]> }): Promise<T[]> {
  const all: T[] = [];
  for await (const some of table.all()) all.push(...some);
  return all;
}
