import fc from "fast-check";

/** A valid request of HTTP/1.1, and how its body is sent. */
export interface ValidRequest {
  readonly method: string;
  readonly path: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** In Latin-1. */
  readonly body: string;
  /** Null: with a length. Else the sizes of its chunks, over and over. */
  readonly chunks: readonly number[] | null;
}

const segment = fc.stringMatching(/^[a-z][a-z0-9._~-]{0,8}$/);
const path = fc
  .tuple(fc.array(segment, { maxLength: 4 }), fc.option(fc.stringMatching(/^[a-z]=[a-z0-9%]{0,6}$/)))
  .map(([segments, query]) => `/${segments.join("/")}${query === null ? "" : `?${query.replaceAll("%", "")}`}`);
const field = fc.tuple(
  fc.stringMatching(/^X-[A-Za-z]{1,8}$/),
  fc.stringMatching(/^(?:[!-~\xa1-\xff](?:[ -~\t\xa1-\xff]{0,20}[!-~\xa1-\xff])?)?$/),
);
const body = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString("latin1"));

export const validRequest: fc.Arbitrary<ValidRequest> = fc
  .record({
    method: fc.constantFrom("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"),
    path,
    fields: fc.array(field, { maxLength: 6 }),
    body: fc.oneof(fc.constant(""), body),
    chunks: fc.option(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 })),
  })
  .map((request) => (request.body === "" ? { ...request, chunks: null } : request));

/** Cuts a text at random places. */
export const cuts: fc.Arbitrary<readonly number[]> = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 30 });

export function cutText(text: string, sizes: readonly number[]): string[] {
  const pieces: string[] = [];
  let offset = 0;
  for (const size of sizes) {
    if (offset >= text.length) break;
    pieces.push(text.slice(offset, offset + size));
    offset += size;
  }
  if (offset < text.length) pieces.push(text.slice(offset));
  return pieces;
}

export function formatRequest({ method, path, fields, body, chunks }: ValidRequest): string {
  const lines = [`${method} ${path} HTTP/1.1`, "Host: shop", ...fields.map(([name, value]) => `${name}: ${value}`)];
  if (chunks !== null) lines.push("Transfer-Encoding: chunked");
  else if (body !== "") lines.push(`Content-Length: ${body.length}`);
  return `${lines.join("\r\n")}\r\n\r\n${chunks === null ? body : formatChunks(body, chunks)}`;
}

function formatChunks(body: string, sizes: readonly number[]): string {
  let text = "";
  let offset = 0;
  for (let i = 0; offset < body.length; i++) {
    const piece = body.slice(offset, offset + (sizes[i % sizes.length] as number));
    text += `${piece.length.toString(16)}\r\n${piece}\r\n`;
    offset += piece.length;
  }
  return `${text}0\r\n\r\n`;
}
