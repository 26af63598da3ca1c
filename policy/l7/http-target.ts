/** What a request asks for, in the one spelling that is judged and forwarded. */
export interface HttpTarget {
  /** Begins with `/`; or `*`, of OPTIONS; or empty, of CONNECT. */
  readonly path: string;
  /** The path for servers to which an escaped slash or backslash is a slash; null: there is none in it. */
  readonly unescapedPath: string | null;
  /** With its question mark; empty: none. */
  readonly query: string;
}

/** Of OPTIONS to the server as a whole (RFC 9112, section 3.2.4). */
export const ASTERISK: HttpTarget = { path: "*", unescapedPath: null, query: "" };

/** Of CONNECT, which names a host only. */
export const NO_PATH: HttpTarget = { path: "", unescapedPath: null, query: "" };

/** Paths that are spelled as they are to be: nothing escaped, no empty segment, none that begins with a dot. */
const USUAL = /^(?:\/|(?:\/[-\w~!$&'()*+,;=:@][-\w.~!$&'()*+,;=:@]*)+\/?)$/;
/** RFC 3986, section 3.4, and what browsers leave as it is beside. */
const USUAL_QUERY = /^[-\w.~!$&'()*+,;=:@/?%[\]|{}^`"<>\\]*$/;
const UNRESERVED = /[-\w.~]/;
/** Needs no escape in a path: RFC 3986, section 3.3, and brackets, which servers leave alone. */
const PATH_CHARACTER = /[-\w.~!$&'()*+,;=:@/[\]]/;
/** `.` and `..`, also before parameters, which some servers take off before they look. */
const DOTS = /^\.\.?(?:;|$)/;
/** The dot, slash and backslash of decoders that take overlong UTF-8. */
const OVERLONG = /%C0%A[EF]|%C1%9C/;

/**
 * Reads a request's path and query (RFC 9112, section 3.2.1), as bytes in Latin-1. Null: no two servers need agree what
 * it means.
 *
 * The path is put into one spelling, which is the one that nginx and others serve: escapes of unreserved characters
 * are undone, others are in upper case, what should be escaped is, empty segments are taken out, then `.` and `..` are
 * followed. Refused are: an escape that is none, NUL, white space and controls, a fragment, a backslash, `..` above
 * the root, dot segments beside escaped slashes or before `;`, and overlong UTF-8 of what separates.
 * The query keeps its spelling.
 */
export function readTarget(text: string): HttpTarget | null {
  const mark = text.indexOf("?");
  const path = mark < 0 ? text : text.slice(0, mark);
  const query = mark < 0 ? "" : readQuery(text.slice(mark));
  if (query === null) return null;
  if (USUAL.test(path)) return { path, unescapedPath: null, query };
  const spelled = path.startsWith("/") ? respell(path) : null;
  if (spelled === null || OVERLONG.test(spelled)) return null;
  const normal = followDots(spelled);
  if (normal === null) return null;
  if (!/%2F|%5C/.test(spelled)) return { path: normal, unescapedPath: null, query };
  const unescaped = spelled.replaceAll(/%2F|%5C/g, "/");
  if (unescaped.split("/").some((segment) => DOTS.test(segment))) return null;
  return { path: normal, unescapedPath: followDots(unescaped), query };
}

function readQuery(text: string): string | null {
  if (USUAL_QUERY.test(text)) return text;
  let query = "";
  for (const character of text) {
    const code = character.charCodeAt(0);
    if (code <= 0x20 || code === 0x7f || code > 0xff || character === "#") return null;
    query += code < 0x80 ? character : escaped(code);
  }
  return query;
}

/** One spelling for each character; null: what cannot be in a path. */
function respell(path: string): string | null {
  let spelled = "";
  for (let i = 0; i < path.length; i++) {
    const character = path.charAt(i);
    const code = path.charCodeAt(i);
    if (character === "%") {
      const digits = path.slice(i + 1, i + 3);
      if (!/^[0-9A-Fa-f]{2}$/.test(digits) || digits === "00") return null;
      const meant = String.fromCharCode(Number.parseInt(digits, 16));
      spelled += UNRESERVED.test(meant) ? meant : `%${digits.toUpperCase()}`;
      i += 2;
    } else if (code <= 0x20 || code === 0x7f || code > 0xff || character === "#" || character === "\\") return null;
    else spelled += PATH_CHARACTER.test(character) ? character : escaped(code);
  }
  return spelled;
}

/** Takes out empty segments, then follows `.` and `..`; null: above the root, or dots before parameters. */
function followDots(path: string): string | null {
  const segments: string[] = [];
  let isFolder = false;
  for (const segment of path.slice(1).split("/")) {
    isFolder = segment === "" || segment === "." || segment === "..";
    if (segment === "..") {
      if (segments.pop() === undefined) return null;
    } else if (!isFolder) {
      if (DOTS.test(segment)) return null;
      segments.push(segment);
    }
  }
  return segments.length === 0 ? "/" : `/${segments.join("/")}${isFolder ? "/" : ""}`;
}

function escaped(code: number): string {
  return `%${code.toString(16).toUpperCase().padStart(2, "0")}`;
}
