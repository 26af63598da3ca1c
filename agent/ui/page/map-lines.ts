import type { Outcome } from "#agent/ui/frame.ts";
import type { Place } from "./map-layout.ts";

export const box = { width: 164, height: 46 };
const gap = { x: 150, y: 68 };
/** Below a row: where lines pass the boxes of other columns, with room for words above or below them. */
const channels: Readonly<Record<Outcome, number>> = { allowed: 31, denied: 37, audited: 34 };
const margin = 24;
/** Of a line. */
const words = { width: 80, height: 22 };

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A line between two places. */
export interface DrawnLine {
  readonly path: string;
  /** Where its two rows of words may stand, the best first: the middle of their lower edge. */
  readonly words: readonly [Point, ...Point[]];
}

/** The upper left corner of a place. */
export function cornerOf({ column, row }: Place): Point {
  return { x: margin + column * (box.width + gap.x), y: margin + row * (box.height + gap.y) };
}

/** Lines go below the last row, too. */
export function sizeOf(columns: number, rows: number): { width: number; height: number } {
  const { x, y } = cornerOf({ column: columns, row: rows });
  return { width: x - gap.x + margin, height: y + 12 };
}

/** Lines of one pair do not lie on each other: those there, and those back. */
const offsets: Readonly<Record<Outcome, readonly [there: number, back: number]>> = {
  allowed: [-14, -6],
  denied: [6, 14],
  audited: [0, 0],
};

export function lineBetween(from: Place, to: Place, outcome: Outcome): DrawnLine {
  const offset = offsets[outcome][to.column < from.column ? 1 : 0];
  const [a, b] = [cornerOf(from), cornerOf(to)];
  const [ay, by] = [a.y + box.height / 2 + offset, b.y + box.height / 2 + offset];
  const columns = to.column - from.column;
  if (columns === 0) return besides({ x: a.x + box.width, y: ay }, { x: b.x + box.width, y: by }, from, to);
  const isForward = columns > 0;
  const start = { x: isForward ? a.x + box.width : a.x, y: ay };
  const end = { x: isForward ? b.x : b.x + box.width, y: by };
  const bend = isForward ? gap.x / 2 : -gap.x / 2;
  if (Math.abs(columns) > 1) return around(start, end, bend, Math.max(from.row, to.row), outcome);
  const [c, d] = [
    { x: start.x + bend, y: start.y },
    { x: end.x - bend, y: end.y },
  ];
  const path = `M${start.x} ${start.y}${curve(c, d, end)}`;
  // Above those there are the words of those, so words of what goes back are below.
  const own = isForward ? offset : 1;
  const at = (t: number, side = own): Point => besideLine(pointAt(t, start, c, d, end), side);
  const words = [0.2, 0.3, 0.8, 0.7].map((t) => at(t));
  return { path, words: [at(0.5), ...words, at(0.5, -own), at(0.2, -own), at(0.8, -own)] };
}

/** In one column: out on the right of both, the way back farther than the way there. */
function besides(start: Point, to: Point, { row: first }: Place, { row: last }: Place): DrawnLine {
  const end = first === last ? { x: to.x, y: to.y + 12 } : to;
  const x = start.x + (first > last ? 60 : 36) + 6 * Math.min(6, Math.abs(first - last));
  const path = `M${start.x} ${start.y}${curve({ x, y: start.y }, { x, y: end.y }, end)}`;
  return { path, words: [{ x, y: (start.y + end.y) / 2 + 9 }] };
}

/** Past the boxes of the columns between: below the row. */
function around(start: Point, end: Point, bend: number, row: number, outcome: Outcome): DrawnLine {
  const y = cornerOf({ column: 0, row }).y + box.height + channels[outcome];
  const [near, far] = [start.x + 2 * bend, end.x - 2 * bend];
  // Steep beside the boxes: between them stand the words of other lines.
  const down = curve({ x: start.x + 0.6 * bend, y: start.y }, { x: start.x + 0.4 * bend, y }, { x: near, y });
  const up = curve({ x: end.x - 0.4 * bend, y }, { x: end.x - 0.6 * bend, y: end.y }, end);
  const path = `M${start.x} ${start.y}${down}L${far} ${y}${up}`;
  const at = (t: number): Point => besideLine({ x: near + t * (far - near), y }, outcome === "allowed" ? -1 : 1);
  return { path, words: [at(0.5), at(0.2), at(0.8)] };
}

/** On the outer side of a pair's lines. */
function besideLine({ x, y }: Point, offset: number): Point {
  return { x, y: offset > 0 ? y + 26 : y - 5 };
}

function curve(c: Point, d: Point, end: Point): string {
  return `C${c.x} ${c.y} ${d.x} ${d.y} ${end.x} ${end.y}`;
}

function pointAt(t: number, ...points: readonly [Point, Point, Point, Point]): Point {
  const weights = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t ** 2 * (1 - t), t ** 3];
  const sum = (of: (point: Point) => number): number =>
    points.reduce((total, point, i) => total + of(point) * (weights[i] ?? 0), 0);
  return { x: sum(({ x }) => x), y: sum(({ y }) => y) };
}

/** The first place that no other words have; else the first. */
export function freePlace([best, ...others]: DrawnLine["words"], taken: readonly Point[]): Point {
  const isFree = ({ x, y }: Point): boolean =>
    taken.every((other) => Math.abs(other.x - x) >= words.width || Math.abs(other.y - y) >= words.height);
  return [best, ...others].find(isFree) ?? best;
}
