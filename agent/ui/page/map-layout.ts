export interface Place {
  readonly column: number;
  readonly row: number;
}

interface Line {
  readonly from: string;
  readonly to: string;
}

/** Columns at most; longer ways go on in the last. */
const mostColumns = 5;

/**
 * Where the ends of a map stand: callers left of those whom they call. Who has a place
 * keeps it, whatever comes: a map whose parts wander cannot be read.
 */
export class MapLayout {
  readonly #places = new Map<string, Place>();
  /** How many stand in each column. */
  readonly #heights: number[] = [];

  get(id: string): Place | undefined {
    return this.#places.get(id);
  }

  get columns(): number {
    return this.#heights.length;
  }

  get rows(): number {
    return Math.max(0, ...this.#heights);
  }

  /** Gives places to those who have none. */
  add(ids: readonly string[], lines: readonly Line[]): void {
    const newcomers = ids.filter((id) => !this.#places.has(id));
    const columns = this.#columnsOf(newcomers, lines);
    const callers = Map.groupBy(lines, ({ to }) => to);
    for (let column = 0; column < mostColumns; column++) {
      // Next to their callers, in the order of these, so that lines cross less.
      const rowOf = (id: string): number => {
        const rows = (callers.get(id) ?? []).flatMap(({ from }) => this.#places.get(from)?.row ?? []);
        return rows.length === 0 ? Infinity : rows.reduce((sum, row) => sum + row, 0) / rows.length;
      };
      const standing = newcomers.filter((id) => columns.get(id) === column);
      const sorted = standing
        .map((id) => ({ id, row: rowOf(id) }))
        .sort((a, b) => (a.row === b.row ? (a.id < b.id ? -1 : 1) : a.row - b.row));
      for (const { id } of sorted) {
        // A line that skips a column passes between its rows only if there is none on its way.
        const row = this.#heights[column] ?? 0;
        this.#places.set(id, { column, row });
        for (let i = this.#heights.length; i < column; i++) this.#heights[i] = 0;
        this.#heights[column] = row + 1;
      }
    }
  }

  /** One column right of the last caller; who closes a circle does not count as one. */
  #columnsOf(newcomers: readonly string[], lines: readonly Line[]): Map<string, number> {
    const callers = Map.groupBy(
      lines.filter(({ from, to }) => from !== to),
      ({ to }) => to,
    );
    const columns = new Map<string, number>();
    const underWay = new Set<string>();
    const columnOf = (id: string): number => {
      const known = this.#places.get(id)?.column ?? columns.get(id);
      if (known !== undefined) return known;
      if (underWay.has(id)) return -1;
      underWay.add(id);
      const before = (callers.get(id) ?? []).map(({ from }) => columnOf(from));
      const column = Math.min(mostColumns - 1, Math.max(-1, ...before) + 1);
      underWay.delete(id);
      columns.set(id, column);
      return column;
    };
    for (const id of newcomers) columnOf(id);
    return columns;
  }
}
