const chunkLength = 1 << 16;

/** Text of a JSON value in pieces: a long array never becomes one string. */
export function* jsonText(value: unknown): Generator<string> {
  if (!Array.isArray(value)) {
    yield `${JSON.stringify(value)}\n`;
    return;
  }
  let text = "[";
  for (const [index, item] of value.entries()) {
    text += index === 0 ? JSON.stringify(item) : `,${JSON.stringify(item)}`;
    if (text.length >= chunkLength) {
      yield text;
      text = "";
    }
  }
  yield `${text}]\n`;
}

/** A value whose JSON is written already. */
export class Written {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Text of JSON lines. */
export function jsonLines(values: readonly unknown[]): string {
  let text = "";
  for (const value of values) text += `${value instanceof Written ? value.text : JSON.stringify(value)}\n`;
  return text;
}
