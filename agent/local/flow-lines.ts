import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { UnreadableError } from "./unreadable.ts";

/**
 * The lines of a file of flows, or of a stream, as they come.
 *
 * @throws UnreadableError when it cannot be read.
 */
export async function* flowLines(input: string | Readable): AsyncGenerator<string> {
  const stream = typeof input === "string" ? createReadStream(input) : input;
  stream.setEncoding("utf8");
  let rest = "";
  // Not by node:readline: of a stream that breaks it tells nobody who could catch it.
  try {
    for await (const piece of stream as AsyncIterable<string>) {
      const lines = (rest + piece).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
  } catch (error) {
    throw new UnreadableError(typeof input === "string" ? input : "stdin", "file", error);
  }
  if (rest !== "") yield rest;
}
