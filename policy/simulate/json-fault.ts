/** Where a text stops being JSON, and what JSON would have there. */
export interface JsonFault {
  /** In UTF-16 units. */
  readonly offset: number;
  readonly message: string;
}

type Expected = "value" | "item or ]" | "name or }" | "name" | "colon" | "comma or end" | "nothing";

const WORDS: Readonly<Record<Expected, string>> = {
  value: "a value",
  "item or ]": "a value or ]",
  "name or }": "a name in quotes or }",
  name: "a name in quotes",
  colon: "a colon",
  "comma or end": "a comma or the end of the list or mapping",
  nothing: "the end of the line",
};

const BLANK = /[ \t\r\n]*/y;
// eslint-disable-next-line no-control-regex
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const PLAIN = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null)(?![\w.])/y;

/** The first fault of a text that is no JSON; null when it is some. */
export function jsonFault(text: string): JsonFault | null {
  const open: ("{" | "[")[] = [];
  let expected: Expected = "value";
  let offset = 0;
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = offset;
    const found = pattern.test(text);
    if (found) offset = pattern.lastIndex;
    return found;
  };
  const afterValue = (): Expected => (open.length > 0 ? "comma or end" : "nothing");
  for (;;) {
    take(BLANK);
    const character = text[offset];
    if (character === undefined) {
      return expected === "nothing" ? null : { offset, message: `ends where ${WORDS[expected]} is expected` };
    }
    const isValue: boolean = expected === "value" || expected === "item or ]";
    const isEnd = open.at(-1) === "{" ? character === "}" : character === "]";
    if (isEnd && ["comma or end", "item or ]", "name or }"].includes(expected)) {
      open.pop();
      offset++;
      expected = afterValue();
    } else if (isValue && (character === "{" || character === "[")) {
      open.push(character);
      offset++;
      expected = character === "{" ? "name or }" : "item or ]";
    } else if (isValue && (take(STRING) || take(PLAIN))) {
      expected = afterValue();
    } else if ((expected === "name" || expected === "name or }") && take(STRING)) {
      expected = "colon";
    } else if (expected === "colon" && character === ":") {
      offset++;
      expected = "value";
    } else if (expected === "comma or end" && character === ",") {
      offset++;
      expected = open.at(-1) === "{" ? "name" : "value";
    } else {
      return { offset, message: `is not JSON: ${WORDS[expected]} is expected here` };
    }
  }
}
