const LABEL_CHARACTERS = "xyzabcdefghijklmnopqrstuvw0123456789-_";
/** The search ends after so many steps; patterns of real policies take a thousandth of them. */
const MAX_STEPS = 5_000_000;

/** Places before a pattern's own characters, where `**.` still takes whole labels: none begun, and inside one. */
const BEFORE = -2;
const WITHIN = -1;

interface Pattern {
  readonly body: string;
  /** Begins with `**.`. */
  readonly isDeep: boolean;
}

/** A text's way through all patterns at once: in each of them the places at which it may be. */
interface State {
  /** Pairs of a pattern's number and a place in it. */
  readonly places: readonly (readonly [number, number])[];
  /** No character since the last dot. */
  readonly atLabelStart: boolean;
  /** The shortest text that leads here. */
  readonly text: string;
}

/**
 * Goes through all patterns at once, character by character, and so finds for every set of them
 * that can hold for one name together the shortest such name.
 */
export class NameAutomaton {
  readonly #patterns: readonly Pattern[];

  /** @param texts Names, and patterns but `*` alone: see `matchesName`. */
  constructor(texts: readonly string[]) {
    this.#patterns = texts.map((text) => ({
      body: text.startsWith("**.") ? text.slice(3) : text,
      isDeep: text.startsWith("**."),
    }));
  }

  /** One name for each set of patterns. */
  names(): { names: string[]; isComplete: boolean } {
    const names = new Map<string, string>();
    const seen = new Set<string>();
    const start = this.#patterns.flatMap(({ isDeep }, i) => this.#close(i, isDeep ? BEFORE : 0));
    let front: State[] = [{ places: start, atLabelStart: true, text: "" }];
    let steps = 0;
    while (front.length > 0) {
      const next: State[] = [];
      for (const state of front) {
        const accepted = state.atLabelStart ? "" : this.#accepted(state);
        if (accepted !== "" && !names.has(accepted)) names.set(accepted, state.text);
        for (const character of this.#alphabetOf(state)) {
          const following = this.#step(state, character);
          steps += state.places.length;
          if (following.places.length === 0) continue;
          const key = keyOf(following);
          if (seen.has(key)) continue;
          seen.add(key);
          next.push(following);
        }
        if (steps > MAX_STEPS) return { names: [...names.values()], isComplete: false };
      }
      front = next;
    }
    return { names: [...names.values()], isComplete: true };
  }

  #accepted({ places }: State): string {
    const whole = places.filter(([pattern, place]) => place === this.#patterns[pattern]?.body.length);
    return whole.map(([pattern]) => pattern).join(",");
  }

  /** The characters that lead to different states: those that patterns ask for next, one other, and the dot. */
  #alphabetOf({ places, atLabelStart }: State): string[] {
    const asked = new Set(
      places.flatMap(([pattern, place]) => (place >= 0 ? (this.#patterns[pattern]?.body[place] ?? []) : [])),
    );
    asked.delete("*");
    asked.delete(".");
    const other = [...LABEL_CHARACTERS].find((character) => !asked.has(character));
    // One other first, so that a star stands for it and not for what happens to be asked.
    return [...(other === undefined ? [] : [other]), ...[...asked].sort(), ...(atLabelStart ? [] : ["."])];
  }

  #step({ places, text }: State, character: string): State {
    const isDot = character === ".";
    const reached = places.flatMap(([pattern, place]) => {
      if (place < 0) return isDot ? this.#afterDot(pattern, place) : [[pattern, WITHIN] as const];
      const wanted = this.#patterns[pattern]?.body[place];
      if (wanted === "*") return isDot ? [] : this.#close(pattern, place);
      return wanted === character ? this.#close(pattern, place + 1) : [];
    });
    const unique = new Map(reached.map((pair) => [`${pair[0]} ${pair[1]}`, pair]));
    return { places: [...unique.values()], atLabelStart: isDot, text: text + character };
  }

  #afterDot(pattern: number, place: number): (readonly [number, number])[] {
    return place === WITHIN ? [[pattern, BEFORE], ...this.#close(pattern, 0)] : [];
  }

  /** A place, and those that are reached from it without a character, as a star may stand for none. */
  #close(pattern: number, place: number): (readonly [number, number])[] {
    const pairs: (readonly [number, number])[] = [[pattern, place]];
    const body = this.#patterns[pattern]?.body ?? "";
    for (let at = place; at >= 0 && body[at] === "*"; at++) pairs.push([pattern, at + 1]);
    return pairs;
  }
}

function keyOf({ places, atLabelStart }: State): string {
  const sorted = [...places].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  return `${atLabelStart}|${sorted.map(([pattern, place]) => `${pattern}:${place}`).join(",")}`;
}
