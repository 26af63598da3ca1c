import { once } from "node:events";
import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  Http2Server,
  IncomingHttpHeaders,
  OutgoingHttpHeaders,
} from "node:http2";
import type { ServerHttp2Stream } from "node:http2";
import { connect, createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { serveHttp2 } from "#agent/proxy/http2/serve-http2.ts";
import type { EndRules } from "#agent/proxy/rule-book.ts";
import { FakeProxy } from "#test/support/fake-proxy.ts";

export type Serve = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]) => void;

/** A server of HTTP/2, the proxy before it, and one session of a client through both. */
export class Http2Lab implements AsyncDisposable {
  readonly proxy: FakeProxy;
  readonly server: Http2Server;
  readonly client: ClientHttp2Session;

  private constructor(proxy: FakeProxy, server: Http2Server) {
    this.proxy = proxy;
    this.server = server;
    this.client = connectClient(proxy.port);
  }

  static async start(ends: readonly EndRules[], serve: Serve): Promise<Http2Lab> {
    const server = createServer();
    server.on("stream", (stream, headers, _flags, raw) => {
      stream.on("error", () => {});
      serve(stream, headers, raw);
    });
    server.on("sessionError", () => {});
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    return new Http2Lab(await FakeProxy.start(serveHttp2, { port }, ends), server);
  }

  request(headers: OutgoingHttpHeaders, body?: string | Buffer): Promise<Answer> {
    return answerOf(send(this.client, headers, body));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.destroy();
    await this.proxy[Symbol.asyncDispose]();
    this.server.close();
  }
}

export function connectClient(port: number): ClientHttp2Session {
  const client = connect(`http://127.0.0.1:${port}`);
  client.on("error", () => {});
  return client;
}

export function send(
  client: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string | Buffer,
): ClientHttp2Stream {
  const stream = client.request(headers, { endStream: body === undefined });
  stream.on("error", () => {});
  if (body !== undefined) stream.end(body);
  return stream;
}

export interface Answer {
  /** 0: there was none. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
  /** Of RST_STREAM; 0: the answer came to its end. */
  readonly code: number;
}

/** All that comes on a stream until it is closed. */
export async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  let [headers, trailers]: IncomingHttpHeaders[] = [{}, {}];
  const chunks: Buffer[] = [];
  stream.on("response", (head) => (headers = head));
  stream.on("trailers", (fields) => (trailers = fields));
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("error", () => {});
  await new Promise((resolve) => stream.once("close", resolve));
  const status = Number(headers?.[":status"] ?? 0);
  return {
    status,
    headers: headers ?? {},
    body: Buffer.concat(chunks).toString(),
    trailers: trailers ?? {},
    code: stream.rstCode ?? 0,
  };
}
