import { RE2JS } from "re2js";

/** Whether a text is, as a whole, what an expression means. */
export type TextMatcher = (text: string) => boolean;

/** A character that means itself, as it is or behind a backslash. */
const LITERAL = String.raw`(?:[\w/~%@!&=,:;'-]|\\[-./?*+()|^$])*`;
const CHOICE = String.raw`${LITERAL}(?:\.\*)?`;
const PLAIN = new RegExp(String.raw`^\^?(?:\((?:\?:)?(${CHOICE}(?:\|${CHOICE})*)\)|(${CHOICE}(?:\|${CHOICE})*))\$?$`);

/**
 * Compiles a regular expression (RE2), which is to meet the whole text. Exact texts, prefixes like `/public/.*`, and
 * choices between such, are compared as texts.
 * @throws RE2JSException if it is none; policies with such are refused when they are read.
 */
export function compileText(expression: string, { ignoresCase = false } = {}): TextMatcher {
  const plain = PLAIN.exec(expression);
  const choices = plain?.[1] ?? plain?.[2];
  return choices === undefined ? engineMatcher(expression, ignoresCase) : plainMatcher(choices, ignoresCase);
}

function plainMatcher(choices: string, ignoresCase: boolean): TextMatcher {
  const exact = new Set<string>();
  const prefixes: string[] = [];
  for (const choice of choices.match(/(?:[^|\\]|\\.)+|(?<=^|\|)(?=\||$)/g) ?? [""]) {
    const isPrefix = choice.endsWith(".*") && !choice.endsWith("\\.*");
    const text = (isPrefix ? choice.slice(0, -2) : choice).replaceAll(/\\(.)/g, "$1");
    const folded = ignoresCase ? text.toLowerCase() : text;
    if (isPrefix) prefixes.push(folded);
    else exact.add(folded);
  }
  if (prefixes.includes("")) return () => true;
  const folded = ignoresCase ? (text: string) => text.toLowerCase() : (text: string) => text;
  const [only] = exact;
  if (only !== undefined && exact.size === 1 && prefixes.length === 0) return (text) => folded(text) === only;
  return (text) => {
    const whole = folded(text);
    return exact.has(whole) || prefixes.some((prefix) => whole.startsWith(prefix));
  };
}

/** Connections tend to ask for the same again: the last answer is kept. */
function engineMatcher(expression: string, ignoresCase: boolean): TextMatcher {
  const engine = RE2JS.compile(expression, RE2JS.DOTALL | (ignoresCase ? RE2JS.CASE_INSENSITIVE : 0));
  let last: string | null = null;
  let answer = false;
  return (text) => {
    if (text === last) return answer;
    answer = engine.testExact(text);
    last = text;
    return answer;
  };
}
