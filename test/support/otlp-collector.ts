import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import * as z from "zod";

/** What the protocol's messages are as JSON: no other field, no number where text is wanted, one kind of value. */
const bits64 = z.string().regex(/^\d+$/);
const scalar = z.union([
  z.strictObject({ stringValue: z.string() }),
  z.strictObject({ intValue: z.string().regex(/^-?\d+$/) }),
  z.strictObject({ boolValue: z.boolean() }),
  z.strictObject({ doubleValue: z.number() }),
]);
const anyValue = z.union([scalar, z.strictObject({ arrayValue: z.strictObject({ values: z.array(scalar) }) })]);
const attributes = z
  .array(z.strictObject({ key: z.string().min(1), value: anyValue }))
  .refine((list) => new Set(list.map(({ key }) => key)).size === list.length, "a key is there twice");
const logRecord = z.strictObject({
  timeUnixNano: bits64,
  observedTimeUnixNano: bits64,
  severityNumber: z.int().min(1).max(24),
  severityText: z.string(),
  eventName: z.string(),
  body: anyValue,
  attributes,
});
const exportRequest = z.strictObject({
  resourceLogs: z.array(
    z.strictObject({
      resource: z.strictObject({ attributes }),
      scopeLogs: z.array(
        z.strictObject({
          scope: z.strictObject({ name: z.string(), version: z.string() }),
          logRecords: z.array(logRecord),
        }),
      ),
    }),
  ),
});

/** A record with its attributes as an object. */
export interface ReceivedRecord {
  readonly severity: string;
  readonly event: string;
  readonly time: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface ReceivedRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly resource: Readonly<Record<string, unknown>>;
  readonly records: readonly ReceivedRecord[];
}

/** How a request is answered; `hang`: not at all. */
export type CollectorAnswer =
  | "hang"
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string };

const taken: CollectorAnswer = { status: 200, body: "{}" };

/** A collector of OpenTelemetry that takes logs by OTLP/HTTP with JSON, and nothing that is malformed. */
export class OtlpCollector implements AsyncDisposable {
  readonly requests: ReceivedRequest[] = [];
  /** Of what was malformed. */
  readonly faults: string[] = [];
  /** For the next requests, in order; then all are taken. */
  readonly answers: CollectorAnswer[] = [];
  /** Told of every request that was taken. */
  taken: (request: ReceivedRequest) => void = () => {};
  readonly #server: Server;
  readonly #scheme: string;

  private constructor(server: Server, scheme: string) {
    this.#server = server;
    this.#scheme = scheme;
  }

  /** @param tls PEM texts, for https. */
  static async start(tls: { cert: string; key: string } | null = null, port = 0): Promise<OtlpCollector> {
    const handle: RequestListener = (request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const answer = collector.answers.shift() ?? taken;
        if (answer === "hang") return;
        const { url = "", headers } = request;
        if (answer.status === 200) collector.#take(url, headers, Buffer.concat(parts));
        response.writeHead(answer.status, answer.headers).end(answer.body ?? "");
      });
    };
    const server = tls === null ? createServer(handle) : createSecureServer(tls, handle);
    const collector = new OtlpCollector(server, tls === null ? "http" : "https");
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return collector;
  }

  get url(): URL {
    return new URL(`${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/logs`);
  }

  get records(): ReceivedRecord[] {
    return this.requests.flatMap(({ records }) => records);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  #take(path: string, headers: ReceivedRequest["headers"], content: Buffer): void {
    const text = headers["content-encoding"] === "gzip" ? gunzipSync(content).toString() : content.toString();
    const parsed = exportRequest.safeParse(JSON.parse(text));
    if (!parsed.success) {
      this.faults.push(z.prettifyError(parsed.error));
      return;
    }
    for (const { resource, scopeLogs } of parsed.data.resourceLogs) {
      const records = scopeLogs.flatMap(({ logRecords }) => logRecords.map(received));
      const request = { path, headers, resource: plain(resource.attributes), records };
      this.requests.push(request);
      this.taken(request);
    }
  }
}

function received(record: z.infer<typeof logRecord>): ReceivedRecord {
  const { severityText, severityNumber, eventName, timeUnixNano, body, attributes: list } = record;
  return {
    severity: `${severityText} ${severityNumber}`,
    event: eventName,
    time: timeUnixNano,
    body: String(valueOf(body)),
    attributes: plain(list),
  };
}

function plain(list: z.infer<typeof attributes>): Record<string, unknown> {
  return Object.fromEntries(list.map(({ key, value }) => [key, valueOf(value)]));
}

function valueOf(value: z.infer<typeof anyValue>): unknown {
  if ("arrayValue" in value) return value.arrayValue.values.map(valueOf);
  if ("intValue" in value) return Number(value.intValue);
  return Object.values(value)[0];
}
