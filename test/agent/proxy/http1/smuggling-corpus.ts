/** A conversation of a client that wants the proxy and a server to read different requests. */
export interface Smuggling {
  readonly name: string;
  /** What is sent, in Latin-1; then the client says that nothing more comes. */
  readonly text: string;
  /** Status codes of the answers. */
  readonly answers: readonly number[];
  /** What the server may understand: method, path, bytes of the body. */
  readonly seen: readonly string[];
}

const HOST = "Host: shop";

/** A message of these lines, whose last is the empty one; what comes behind it. */
function message(lines: readonly string[], rest = ""): string {
  return `${lines.join("\r\n")}\r\n\r\n${rest}`;
}

function get(path: string, ...fields: string[]): string {
  return message([`GET ${path} HTTP/1.1`, HOST, ...fields]);
}

function post(fields: readonly string[], body: string): string {
  return message(["POST /p HTTP/1.1", HOST, ...fields], body);
}

const hidden = get("/hidden");
const CHUNKED = "Transfer-Encoding: chunked";

function refused(name: string, text: string): Smuggling {
  return { name, text, answers: [400], seen: [] };
}

/** A request that is refused in the middle of its body, of which the server sees no end. */
function refusedBody(name: string, body: string): Smuggling {
  return { name: `chunked: ${name}`, text: post([CHUNKED], body + hidden), answers: [400], seen: [] };
}

function understood(name: string, text: string, seen: readonly string[], answers?: readonly number[]): Smuggling {
  return { name, text, answers: answers ?? seen.map(() => 200), seen };
}

const lengths: readonly Smuggling[] = [
  refused("length and chunks", post(["Content-Length: 4", CHUNKED], `0\r\n\r\n${hidden}`)),
  refused("chunks and length", post([CHUNKED, "Content-Length: 4"], `0\r\n\r\n${hidden}`)),
  refused("two lengths", post(["Content-Length: 0", `Content-Length: ${hidden.length}`], hidden)),
  refused("two equal lengths", post(["Content-Length: 2", "Content-Length: 2"], "ab")),
  refused("a list of lengths", post(["Content-Length: 2, 2"], "ab")),
  refused("a length with a plus sign", post(["Content-Length: +2"], "ab")),
  refused("a negative length", post(["Content-Length: -1"], hidden)),
  refused("a hexadecimal length", post(["Content-Length: 0x2"], "ab")),
  refused("a length with a fraction", post(["Content-Length: 2.0"], "ab")),
  refused("a length with an exponent", post(["Content-Length: 1e1"], "0123456789")),
  refused("a length of words", post(["Content-Length: two"], "ab")),
  refused("an empty length", post(["Content-Length:"], hidden)),
  refused("a length with a space in it", post(["Content-Length: 1 2"], hidden)),
  refused("a length that no number holds", post(["Content-Length: 99999999999999999999"], hidden)),
  refused("a length with a NUL", post(["Content-Length: 2\0"], "ab")),
  refused("a quoted length", post(['Content-Length: "2"'], "ab")),
  refused("a length in other digits", post(["Content-Length: \xb2"], "ab")),
  refused("a name with a space before its colon", post(["Content-Length : 4"], hidden)),
  refused("a name with a tab before its colon", post(["Content-Length\t: 4"], hidden)),
  refused("a name with a space before it", post([" Content-Length: 4"], hidden)),
  refused("a name with a NUL", post(["Content-Length\0: 4"], hidden)),
  refused("a name with a space in it", post(["Content Length: 4"], hidden)),
  refused("no name", post([": 4"], hidden)),
  refused("no colon", post(["Content-Length 4"], hidden)),
  refused("a name in brackets", post(["[Content-Length]: 4"], hidden)),
  refused("a name of other letters", post(["Content-Length\xa0: 4"], hidden)),
  understood("a length in capitals", post(["CONTENT-LENGTH: 2"], `ab${hidden}`), ["POST /p 2", "GET /hidden 0"]),
  understood("a length with zeros before it", post(["Content-Length: 002"], `ab${hidden}`), [
    "POST /p 2",
    "GET /hidden 0",
  ]),
  understood("a length with white space around it", post(["Content-Length: \t 2 \t"], `ab${hidden}`), [
    "POST /p 2",
    "GET /hidden 0",
  ]),
  understood("a name that is only like another", post(["Content_Length: 50"], hidden), ["POST /p 0", "GET /hidden 0"]),
  understood("a body of GET", message(["GET /g HTTP/1.1", HOST, "Content-Length: 2"], `ab${hidden}`), [
    "GET /g 2",
    "GET /hidden 0",
  ]),
  understood("no length", post([], hidden), ["POST /p 0", "GET /hidden 0"]),
];

const codings: readonly Smuggling[] = [
  refused("an unknown coding", post(["Transfer-Encoding: xchunked"], `0\r\n\r\n${hidden}`)),
  refused("identity", post(["Transfer-Encoding: identity"], hidden)),
  refused("gzip and chunks", post(["Transfer-Encoding: gzip, chunked"], `0\r\n\r\n${hidden}`)),
  refused("chunks and identity", post(["Transfer-Encoding: chunked, identity"], `0\r\n\r\n${hidden}`)),
  refused("chunks twice", post(["Transfer-Encoding: chunked, chunked"], `0\r\n\r\n${hidden}`)),
  refused("chunks in two fields", post([CHUNKED, CHUNKED], `0\r\n\r\n${hidden}`)),
  refused("chunks, then identity", post([CHUNKED, "Transfer-Encoding: identity"], `0\r\n\r\n${hidden}`)),
  refused("identity, then chunks", post(["Transfer-Encoding: identity", CHUNKED], `0\r\n\r\n${hidden}`)),
  refused("an empty coding", post(["Transfer-Encoding:"], `0\r\n\r\n${hidden}`)),
  refused("a coding with a parameter", post(["Transfer-Encoding: chunked;a=b"], `0\r\n\r\n${hidden}`)),
  refused("a coding with a comma before it", post(["Transfer-Encoding: ,chunked"], `0\r\n\r\n${hidden}`)),
  refused("a quoted coding", post(['Transfer-Encoding: "chunked"'], `0\r\n\r\n${hidden}`)),
  refused("a coding with a vertical tab", post(["Transfer-Encoding: \x0bchunked"], `0\r\n\r\n${hidden}`)),
  refused("a coding with a hard space", post(["Transfer-Encoding: \xa0chunked"], `0\r\n\r\n${hidden}`)),
  refused("a coding on the next line", post(["Transfer-Encoding:", " chunked"], `0\r\n\r\n${hidden}`)),
  refused("a coding with a space before its colon", post(["Transfer-Encoding : chunked"], `0\r\n\r\n${hidden}`)),
  refused("a coding behind a folded line", post(["X: a", " b", CHUNKED], `0\r\n\r\n${hidden}`)),
  refused("a folded line with a tab", post(["X: a", "\tb"], "")),
  refused("a coding behind a bare CR", post(["X: a\rTransfer-Encoding: chunked"], `0\r\n\r\n${hidden}`)),
  refused("a coding behind a bare LF", post(["X: a\nTransfer-Encoding: chunked"], `0\r\n\r\n${hidden}`)),
  refused("chunks in HTTP/1.0", message(["POST /p HTTP/1.0", HOST, CHUNKED], `0\r\n\r\n${hidden}`)),
  understood("a coding in capitals", post(["Transfer-Encoding: CHUNKED"], `1\r\na\r\n0\r\n\r\n${hidden}`), [
    "POST /p 1",
    "GET /hidden 0",
  ]),
  refused("Connection names the coding", post([CHUNKED, "Connection: transfer-encoding"], `0\r\n\r\n${hidden}`)),
  refused("Connection names the length", post(["Content-Length: 2", "Connection: Content-Length"], "ab")),
  refused("Connection names the host", post(["Connection: host"], "")),
  refused("Connection is no list", post(["Connection: a b"], "")),
];

const chunks: readonly Smuggling[] = [
  refusedBody("a size with a prefix", "0x1\r\na\r\n0\r\n\r\n"),
  refusedBody("a size of other letters", "zz\r\na\r\n0\r\n\r\n"),
  refusedBody("a negative size", "-1\r\na\r\n0\r\n\r\n"),
  refusedBody("a size with a plus sign", "+1\r\na\r\n0\r\n\r\n"),
  refusedBody("an empty size", "\r\na\r\n0\r\n\r\n"),
  refusedBody("a size with a space behind it", "1 \r\na\r\n0\r\n\r\n"),
  refusedBody("a size with a space before it", " 1\r\na\r\n0\r\n\r\n"),
  refusedBody("a size of 17 digits", "10000000000000001\r\na\r\n0\r\n\r\n"),
  refusedBody("a size with zeros before it, too long", "000000001\r\na\r\n0\r\n\r\n"),
  refusedBody("an extension", "1;a=b\r\na\r\n0\r\n\r\n"),
  refusedBody("an extension with a LF in it", "1;\na\r\na\r\n0\r\n\r\n"),
  refusedBody("a long extension", `1;${"a".repeat(5000)}\r\na\r\n0\r\n\r\n`),
  refusedBody("a bare LF behind a size", "1\na\r\n0\r\n\r\n"),
  refusedBody("a bare CR behind a size", "1\ra\r\n0\r\n\r\n"),
  refusedBody("a bare LF behind data", "1\r\na\n0\r\n\r\n"),
  refusedBody("more data than the size says", "1\r\nabc\r\n0\r\n\r\n"),
  refusedBody("less data than the size says", "3\r\na\r\n0\r\n\r\n"),
  refusedBody("a bare LF behind the last chunk", "0\n\r\n"),
  refusedBody("a bare LF as the end of trailers", "0\r\n\n"),
  refusedBody("a trailer that is no field", "0\r\nno field\r\n\r\n"),
  refusedBody("a folded trailer", "0\r\nX: a\r\n b\r\n\r\n"),
  refusedBody("a trailer with a NUL", "0\r\nX: \0\r\n\r\n"),
  refusedBody("trailers without an end", `0\r\n${"X: y\r\n".repeat(3000)}`),
  understood("chunks and what follows", post([CHUNKED], `2\r\nab\r\nA\r\n0123456789\r\n0\r\n\r\n${hidden}`), [
    "POST /p 12",
    "GET /hidden 0",
  ]),
  understood("a last chunk of several zeros", post([CHUNKED], `1\r\na\r\n000\r\n\r\n${hidden}`), [
    "POST /p 1",
    "GET /hidden 0",
  ]),
  understood("a request in a chunk", post([CHUNKED], `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`), [
    `POST /p ${hidden.length}`,
  ]),
  understood(
    "a framing trailer",
    post([CHUNKED], `0\r\nContent-Length: ${hidden.length}\r\nTransfer-Encoding: x\r\nHost: evil\r\n\r\n${hidden}`),
    ["POST /p 0", "GET /hidden 0"],
  ),
];

const lines: readonly Smuggling[] = [
  refused("bare LF everywhere", "GET / HTTP/1.1\nHost: shop\n\n"),
  refused("a bare LF behind the request line", `GET / HTTP/1.1\nHost: shop\r\n\r\n`),
  refused("a bare LF before the end", `GET / HTTP/1.1\r\nHost: shop\n\r\n`),
  refused("a bare CR before the end", `GET / HTTP/1.1\r\nHost: shop\r\r\n\r\n`),
  refused("a NUL in a value", get("/", "X: a\0b")),
  refused("a control in a value", get("/", "X: a\x01b")),
  refused("DEL in a value", get("/", "X: a\x7fb")),
  refused("two spaces in the request line", message(["GET  / HTTP/1.1", HOST])),
  refused("a tab in the request line", message(["GET\t/ HTTP/1.1", HOST])),
  refused("a space before the method", message([" GET / HTTP/1.1", HOST])),
  refused("a space behind the version", message(["GET / HTTP/1.1 ", HOST])),
  refused("no version", message(["GET /", HOST])),
  refused("version 0.9", message(["GET / HTTP/0.9", HOST])),
  refused("version 1.2", message(["GET / HTTP/1.2", HOST])),
  refused("version 1.10", message(["GET / HTTP/1.10", HOST])),
  refused("version 2.0", message(["GET / HTTP/2.0", HOST])),
  refused("a version in small letters", message(["GET / http/1.1", HOST])),
  refused("a space in the target", message(["GET /a b HTTP/1.1", HOST])),
  refused("a method that is no token", message(["G(T / HTTP/1.1", HOST])),
  refused("a very long method", message([`${"A".repeat(33)} / HTTP/1.1`, HOST])),
  refused("two empty lines before", `\r\n\r\n${get("/")}`),
  understood("one empty line before", `\r\n${get("/")}`, ["GET / 0"]),
  understood("an empty line behind a body", `${post(["Content-Length: 2"], "ab")}\r\n${hidden}`, [
    "POST /p 2",
    "GET /hidden 0",
  ]),
  understood("bytes of Latin-1 in a value", get("/", "X: \xe9"), ["GET / 0"]),
  refused("more fields than there may be", get("/", ...Array.from({ length: 100 }, (_, i) => `X${i}: y`))),
  refused("a head that is too long", get("/", `X: ${"y".repeat(16_384)}`)),
  refused("a target that is too long", get(`/${"y".repeat(8192)}`)),
  refused("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
  refused("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
];

const hosts: readonly Smuggling[] = [
  refused("no Host", message(["GET / HTTP/1.1"])),
  refused("two Host", get("/", "Host: evil")),
  refused("two equal Host", get("/", HOST)),
  refused("two Host in HTTP/1.0", message(["GET / HTTP/1.0", HOST, "Host: evil"])),
  refused("an empty Host", message(["GET / HTTP/1.1", "Host:"])),
  refused("a list of hosts", message(["GET / HTTP/1.1", "Host: shop, evil"])),
  refused("a Host with a path", message(["GET / HTTP/1.1", "Host: shop/x"])),
  refused("a Host with a user", message(["GET / HTTP/1.1", "Host: evil@shop"])),
  refused("a Host with a space", message(["GET / HTTP/1.1", "Host: shop evil"])),
  refused("a Host with a port of letters", message(["GET / HTTP/1.1", "Host: shop:x"])),
  refused("a target that disagrees", get("http://evil/")),
  refused("a target that disagrees by its port", get("http://shop:81/")),
  refused("a target with a user", get("http://shop@evil/")),
  refused("a target of another scheme", get("https://shop/")),
  refused("a target without a slash", get("shop/")),
  refused("a target * of GET", get("*")),
  understood("a target that agrees", get("http://SHOP:80/x?y"), ["GET /x?y 0"]),
  understood("a target without a path", get("http://shop"), ["GET / 0"]),
  understood("OPTIONS *", message(["OPTIONS * HTTP/1.1", HOST]), ["OPTIONS * 0"]),
  understood("no Host in HTTP/1.0", message(["GET / HTTP/1.0"]), ["GET / 0"]),
];

const protocols: readonly Smuggling[] = [
  understood("CONNECT", message(["CONNECT shop:80 HTTP/1.1", "Host: shop:80"]), [], [403]),
  refused("CONNECT without a port", message(["CONNECT shop HTTP/1.1", HOST])),
  refused("CONNECT to another than Host", message(["CONNECT evil:80 HTTP/1.1", HOST])),
  refused("CONNECT with a body", message(["CONNECT shop:80 HTTP/1.1", "Host: shop:80", "Content-Length: 2"], "ab")),
  refused("an upgrade with a body", post(["Connection: upgrade", "Upgrade: websocket", "Content-Length: 2"], "ab")),
  refused("an upgrade with chunks", post(["Connection: upgrade", "Upgrade: websocket", CHUNKED], "0\r\n\r\n")),
  understood(
    "an upgrade to HTTP/2",
    get("/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"),
    ["GET / 0"],
  ),
  understood("an upgrade that Connection does not name", get("/", "Upgrade: websocket") + hidden, [
    "GET / 0",
    "GET /hidden 0",
  ]),
  understood(
    "an upgrade that the server ignores",
    get("/", "Connection: upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 999") + hidden,
    ["GET / 0", "GET /hidden 0"],
  ),
  refused("an unknown expectation", post(["Expect: 200-ok", "Content-Length: 2"], "ab")),
  refused("two expectations", post(["Expect: 100-continue", "Expect: x", "Content-Length: 2"], "ab")),
  understood("nothing behind close", get("/", "Connection: close") + hidden, ["GET / 0"]),
  understood("nothing behind HTTP/1.0", message(["GET / HTTP/1.0", HOST]) + hidden, ["GET / 0"]),
  understood("HTTP/1.0 that is kept", message(["GET / HTTP/1.0", HOST, "Connection: keep-alive"]) + hidden, [
    "GET / 0",
    "GET /hidden 0",
  ]),
];

export const smugglings: readonly Smuggling[] = [lengths, codings, chunks, lines, hosts, protocols].flat();
