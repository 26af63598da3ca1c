import { performServerHandshake } from "node:http2";
import { serveHttp2 } from "#agent/proxy/http2/serve-http2.ts";
import { httpEnds } from "#test/support/fake-proxy.ts";
import {
  END_HEADERS,
  END_STREAM,
  FrameType,
  PREFACE,
  SETTINGS,
  USUAL,
  fields,
  frame,
  get,
} from "#test/agent/proxy/http2/raw-client.ts";
import { type ProtocolTarget, describe } from "./protocol-target.ts";

const begin = Buffer.concat([PREFACE, SETTINGS]);
const usual = { ...USUAL, ":path": "/public" };
const post = frame(
  FrameType.headers,
  END_HEADERS,
  1,
  fields({ ...usual, ":method": "POST", "content-type": "application/grpc" }),
);
const CANCEL = Buffer.of(0, 0, 0, 8);

export const http2: ProtocolTarget = {
  handler: (connection) => serveHttp2(connection),
  ends: httpEnds({ path: "/public.*" }),
  seeds: [
    Buffer.concat([begin, get(1, usual)]),
    Buffer.concat([begin, get(1, { ...usual, ":path": "/secret" }), get(3, usual)]),
    Buffer.concat([
      begin,
      post,
      frame(FrameType.data, 0, 1, Buffer.from("content")),
      frame(FrameType.data, END_STREAM, 1),
    ]),
    Buffer.concat([begin, post, frame(FrameType.headers, END_HEADERS | END_STREAM, 1, fields({ "x-sum": "1" }))]),
    Buffer.concat([
      begin,
      frame(FrameType.headers, END_STREAM, 1, fields(usual)),
      frame(FrameType.continuation, END_HEADERS, 1, fields({ a: "b" })),
    ]),
    Buffer.concat([
      begin,
      frame(FrameType.ping, 0, 0, Buffer.alloc(8)),
      frame(FrameType.window, 0, 0, Buffer.of(0, 0, 1, 0)),
      get(1, usual),
    ]),
    Buffer.concat([begin, get(1, [...Object.entries(usual), ["host", "web"], ["cookie", "a=1"], ["cookie", "b=2"]])]),
  ],
  tokens: [
    begin,
    get(1, usual),
    get(5, { ...usual, ":path": "/secret" }),
    frame(FrameType.reset, 0, 1, CANCEL),
    frame(FrameType.goaway, 0, 0, Buffer.alloc(8)),
    frame(FrameType.settings, 1, 0),
    frame(FrameType.settings, 0, 0, Buffer.of(0, 1, 0, 0, 0, 0)),
    frame(FrameType.data, END_STREAM, 1),
    Buffer.from([0x82, 0x84, 0x86]),
    Buffer.from([0x3f, 0xe1, 0x1f]),
    fields({ ":path": "/secret" }),
    fields({ host: "other" }),
    Buffer.of(0),
    Buffer.of(0xff, 0xff, 0xff),
  ],
  serve(socket, understood) {
    const session = performServerHandshake(socket.asSocket);
    session.on("error", () => {});
    session.on("stream", (stream, headers) => {
      understood.push(`${headers[":method"]} ${headers[":path"]} ${headers[":authority"]}`);
      stream.on("error", () => {});
      stream.resume();
      stream.respond({ ":status": 200 });
      stream.end("fine");
    });
  },
  // A stream that its client resets at once may, or may not, have come to the server.
  decided: ({ records }) => records.filter(({ kind }) => kind === "request").map(describe),
  fault({ understood, records }) {
    const forbidden = understood.find((line) => !/^\S+ \/public[^ ]* /.test(line));
    if (forbidden !== undefined) return `the server understands ${forbidden}`;
    const allowed = records.filter(({ kind, verdict }) => kind === "request" && verdict === "forwarded");
    return understood.length > allowed.length ? "the server understands more requests than were judged" : null;
  },
};
