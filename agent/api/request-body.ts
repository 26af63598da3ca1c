import type { IncomingMessage } from "node:http";
import { reasonOf } from "#agent/runtime/errors.ts";
import { ApiError } from "./errors.ts";
import type { Place } from "./pools.ts";
import { objectsLimit } from "./route.ts";

/** Bytes of a refused body that are read to its end, so that the sender hears the answer. */
const drainLimit = 4 * objectsLimit;

/**
 * Reads a body.
 *
 * @throws ApiError `too-large` past `limit` bytes, `busy` when all that come at the time are too much
 * together, `bad-request` when it is cut short.
 */
export function readBody(request: IncomingMessage, limit: number, place: Place): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let size = 0;
  let isKept = true;
  request.on("data", (chunk: Buffer) => {
    size += chunk.length;
    isKept &&= size <= limit && place.keep(chunk.length);
    if (isKept) chunks.push(chunk);
    else chunks.length = 0;
    if (size > drainLimit) request.destroy();
  });
  request.on("end", () => {
    if (isKept) resolve(Buffer.concat(chunks));
    else reject(size > limit ? tooLarge(size, limit) : tooMuchAtOnce());
  });
  const cut = (): void => reject(new ApiError("bad-request", { asked: "read body", obstacle: "the sender hung up" }));
  request.on("close", cut);
  request.on("error", cut);
  return promise;
}

/** Parses a body as JSON; none is undefined. @throws ApiError `bad-request` when it is not UTF-8 JSON. */
export function parseJson(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new ApiError("bad-request", { asked: "read body", obstacle: `it is not JSON in UTF-8: ${reasonOf(error)}` });
  }
}

function tooLarge(size: number, limit: number): ApiError {
  const obstacle = `it has ${size} bytes, at most ${limit} are taken`;
  return new ApiError("too-large", { asked: "read body", obstacle });
}

function tooMuchAtOnce(): ApiError {
  const obstacle = "too many large bodies come at the time";
  return new ApiError("busy", { asked: "read body", obstacle, remedy: "try again" });
}
