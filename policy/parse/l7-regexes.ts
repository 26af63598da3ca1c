import { RE2JSException, RE2Set } from "re2js";

const LONGEST = 4096;
/**
 * What the counts of a policy's expressions, as in `[0-9]{4}`, may add up to: an expression that is
 * counted is as good as written that often, and so are the time and the memory that it takes.
 */
const MAX_REPETITIONS = 20_000;

/** Checks the regular expressions (RE2) of one policy. */
export class RegexChecks {
  readonly #faults = new Map<string, string | null>();
  #repetitions = 0;

  /** What is wrong with an expression, or null. */
  fault(text: string): string | null {
    if (text.length > LONGEST) return `is longer than ${LONGEST} characters`;
    const known = this.#faults.get(text);
    if (known !== undefined) return known;
    const count = repetitions(text);
    if (count > 0 && this.#repetitions + count > MAX_REPETITIONS) {
      return `counts, with the policy's other expressions, to more than ${MAX_REPETITIONS} repetitions`;
    }
    this.#repetitions += count;
    const fault = syntaxFault(text);
    this.#faults.set(text, fault);
    return fault;
  }
}

function repetitions(text: string): number {
  const counts = [...text.matchAll(/\{(\d+)(?:,(\d*))?\}/g)];
  return counts.reduce((sum, [, least, most]) => sum + Number(most || least), 0);
}

function syntaxFault(text: string): string | null {
  // Most paths are plain.
  if (/^[-\w/]*$/.test(text)) return null;
  try {
    // A set parses what it is given, and puts off the rest of the work.
    new RE2Set().add(text);
    return null;
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    return `is not a regular expression of RE2: ${error.message.replace("error parsing regexp: ", "")}`;
  }
}
