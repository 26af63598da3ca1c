import type { IncomingMessage } from "node:http";
import { reasonOf } from "#agent/runtime/errors.ts";
import { objectsLimit } from "./route.ts";
import { ApiError } from "./errors.ts";

/** Bytes of a refused body that are read to its end, so that the sender hears the answer. */
const drainLimit = 4 * objectsLimit;

/**
 * Reads a body and parses it as JSON; no body is undefined.
 *
 * @throws ApiError `too-large` past `limit` bytes, `bad-request` when it is cut short or
 * not UTF-8 JSON.
 */
export async function readJson(request: IncomingMessage, limit: number): Promise<unknown> {
  const bytes = await readBytes(request, limit);
  if (bytes.length === 0) return undefined;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new ApiError("bad-request", { asked: "read body", obstacle: `it is not JSON in UTF-8: ${reasonOf(error)}` });
  }
}

function readBytes(request: IncomingMessage, limit: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let size = 0;
  request.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size <= limit) chunks.push(chunk);
    else chunks.length = 0;
    if (size > drainLimit) request.destroy();
  });
  request.on("end", () => {
    if (size <= limit) resolve(Buffer.concat(chunks));
    else
      reject(
        new ApiError("too-large", { asked: "read body", obstacle: `it has ${size} bytes, at most ${limit} are taken` }),
      );
  });
  const cut = (): void => reject(new ApiError("bad-request", { asked: "read body", obstacle: "the sender hung up" }));
  request.on("close", cut);
  request.on("error", cut);
  return promise;
}
