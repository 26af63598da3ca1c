import type { OracleVerdict } from "#policy/oracle/oracle.ts";
import type { Segment } from "./traffic.ts";

/** Traffic on which maps and oracle do not agree. */
interface Contradiction {
  readonly segment: Segment;
  readonly expected: string;
  readonly found: string;
  /** Of the oracle's verdict. */
  readonly rules: readonly string[];
}

/** Contradictions about one peer's traffic; those about ports beside each other are one. */
export class Contradictions {
  readonly list: Contradiction[] = [];

  add(segment: Segment, expected: OracleVerdict, found: OracleVerdict): void {
    const next = { segment, expected: verdictText(expected), found: verdictText(found), rules: expected.rules };
    const last = this.list.at(-1);
    if (last && isContinued(last, next)) {
      this.list.splice(-1, 1, { ...next, segment: { ...segment, first: last.segment.first } });
    } else {
      this.list.push(next);
    }
  }
}

function isContinued(a: Contradiction, b: Contradiction): boolean {
  const isBeside = a.segment.protocol === b.segment.protocol && a.segment.last + 1 === b.segment.first;
  return isBeside && a.expected === b.expected && a.found === b.found;
}

function verdictText({ verdict, rules }: OracleVerdict): string {
  return rules.length === 0 ? verdict : `${verdict} by ${rules.join(", ")}`;
}
