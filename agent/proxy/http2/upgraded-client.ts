import type { Socket } from "node:net";
import type { ConnectionLimits } from "../proxied-connection.ts";
import { END_HEADERS, END_STREAM, FRAME_HEAD, FrameType, PREFACE, formatFrame, readFrameHead } from "./frames.ts";

/** A setting has a name and a value: RFC 9113, section 6.5.1. */
const SETTING_LENGTH = 6;
/** Settings that may be said at once. */
const MOST_SETTINGS = 16;

/** What `HTTP2-Settings` says (RFC 7540, section 3.2.1): the content of a SETTINGS frame. Null: it is none. */
export function readUpgradeSettings(text: string): Buffer | null {
  const settings = Buffer.from(text, "base64url");
  return text !== "" && areSettings(settings) && settings.toString("base64url") === text ? settings : null;
}

function areSettings({ length }: Buffer): boolean {
  return length % SETTING_LENGTH === 0 && length <= MOST_SETTINGS * SETTING_LENGTH;
}

/** RFC 7541, section 6.2.2: a literal that enters no table, with a name of its appendix A. */
function literal(name: number, value: string): Buffer {
  return Buffer.concat([Buffer.of(name, value.length), Buffer.from(value)]);
}

/** `:scheme: http`, `:path: /` and an authority. */
const place = Buffer.concat([Buffer.of(0x86, 0x84), literal(1, "h2c")]);
const getHead = Buffer.concat([Buffer.of(0x82), place]);
const headHead = Buffer.concat([literal(2, "HEAD"), place]);

/**
 * Makes of a client that has just been told 101 (RFC 7540, section 3.2) one that speaks as `node:http2` expects it:
 * puts before its further bytes the preface, in one frame all settings that it has said, and a head in the place of the
 * request that it has made by HTTP/1, which is stream 1. Of that head only counts whether its answer has content.
 *
 * @returns whether the client has begun with HTTP/2, and in time; of anything else nothing may go further.
 */
export async function prepareUpgradedClient(
  client: Socket,
  { settings, isHead }: { readonly settings: Buffer; readonly isHead: boolean },
  { headTimeout }: ConnectionLimits,
): Promise<boolean> {
  const begin = await readBegin(client, headTimeout);
  if (begin === null) return false;
  const said = Buffer.concat([settings, begin.settings]);
  const head = { type: FrameType.headers, flags: END_HEADERS | END_STREAM, stream: 1 };
  client.unshift(
    Buffer.concat([
      PREFACE,
      formatFrame({ type: FrameType.settings, flags: 0, stream: 0 }, said),
      formatFrame(head, isHead ? headHead : getHead),
      begin.rest,
    ]),
  );
  return true;
}

interface Begin {
  readonly settings: Buffer;
  readonly rest: Buffer;
}

/** The preface with its SETTINGS frame; null: something else came, or it did not come in time. */
async function readBegin(client: Socket, timeout: number): Promise<Begin | null> {
  const { promise, resolve } = Promise.withResolvers<Begin | null>();
  let bytes = Buffer.alloc(0);
  const look = (): void => {
    for (let chunk: unknown = client.read(); Buffer.isBuffer(chunk); chunk = client.read())
      bytes = Buffer.concat([bytes, chunk]);
    const begin = takeBegin(bytes);
    if (begin !== undefined) resolve(begin);
  };
  const stop = (): void => resolve(null);
  const timer = setTimeout(stop, timeout);
  client.on("readable", look);
  for (const event of ["end", "error", "close"]) client.on(event, stop);
  look();
  const begin = await promise;
  clearTimeout(timer);
  client.off("readable", look);
  for (const event of ["end", "error", "close"]) client.off(event, stop);
  return begin;
}

/** Undefined: it is not there as a whole. Null: it cannot become one. */
function takeBegin(bytes: Buffer): Begin | null | undefined {
  const start = PREFACE.length + FRAME_HEAD;
  if (!bytes.subarray(0, PREFACE.length).equals(PREFACE.subarray(0, bytes.length))) return null;
  const head = readFrameHead(bytes, PREFACE.length);
  if (head === null) return undefined;
  const { type, flags, stream, length } = head;
  if (type !== FrameType.settings || flags !== 0 || stream !== 0 || length > MOST_SETTINGS * SETTING_LENGTH)
    return null;
  if (bytes.length < start + length) return undefined;
  const settings = bytes.subarray(start, start + length);
  return areSettings(settings) ? { settings, rest: bytes.subarray(start + length) } : null;
}
