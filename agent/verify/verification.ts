/** One thing that the kernel's maps say otherwise than they should. */
export interface Difference {
  readonly map: "bandwidths" | "control" | "endpoints" | "interfaces" | "ipcache" | "limits" | "policy";
  /** The endpoints that it concerns; none: all, or nobody. */
  readonly endpoints: readonly number[];
  /** The entry, and which part of it. */
  readonly what: string;
  /** Null: nothing should be there. */
  readonly expected: string | null;
  /** Null: nothing is there. */
  readonly found: string | null;
  /** The rules by which it should be as expected, as `KIND NAMESPACE/NAME RULE`. */
  readonly rules: readonly string[];
}

/** What a comparison of the kernel's maps with the objects in force has brought. */
export interface Verification {
  readonly state: "equal" | "different";
  readonly generation: number;
  readonly revision: number;
  /** How many endpoints were looked at. */
  readonly endpoints: number;
  /** How many entries of maps were compared, bit by bit. */
  readonly entries: number;
  /** How many classes of traffic were judged by the maps and by the oracle. */
  readonly classes: number;
  /** How many classes were left out: see the README. */
  readonly excluded: number;
  /** The first ones. */
  readonly differences: readonly Difference[];
  /** How many there are beyond those. */
  readonly more: number;
}

/** Gathers what a comparison brings. */
export class Findings {
  entries = 0;
  classes = 0;
  excluded = 0;
  readonly differences: Difference[] = [];
  readonly #told: number;
  #more = 0;

  /** @param told How many differences are told; the others are counted. */
  constructor(told: number) {
    this.#told = told;
  }

  get more(): number {
    return this.#more;
  }

  /** @param describe Called only where there is room for it. */
  add(describe: () => Difference): void {
    if (this.differences.length < this.#told) this.differences.push(describe());
    else this.#more++;
  }
}
