import { join } from "node:path";
import {
  type ChannelCredentials,
  Client,
  type ClientReadableStream,
  credentials,
  type MethodDefinition,
  type ServiceDefinition,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { root } from "#test/architecture/source-tree.ts";

/** A message as a reader decodes it. */
export interface Message {
  readonly [field: string]: unknown;
}

const definitions = loadSync(["observer.proto", "peer.proto", "health.proto"], {
  includeDirs: [join(root, "agent/hubble")],
  keepCase: true,
  longs: String,
  enums: String,
});

/** A method by `observer.Observer/GetFlows`. */
function methodOf(name: string): MethodDefinition<object, Message> {
  const [service = "", method = ""] = name.split("/");
  const found = (definitions[service] as ServiceDefinition)[method];
  if (found === undefined) throw new Error(`there is no method ${name}`);
  return found as MethodDefinition<object, Message>;
}

/** A client as any reader of Hubble has it: grpc-js with a channel of its own. */
export class HubbleClient implements Disposable {
  readonly #client: Client;

  /** @param address `unix:PATH` or `IP:PORT`. */
  constructor(address: string, as: ChannelCredentials = credentials.createInsecure(), options: object = {}) {
    this.#client = new Client(address, as, { "grpc.use_local_subchannel_pool": 1, ...options });
  }

  /** The answer to a call. */
  ask(name: string, request: object = {}): Promise<Message> {
    const { path, requestSerialize, responseDeserialize } = methodOf(name);
    const { promise, resolve, reject } = Promise.withResolvers<Message>();
    const deadline = { deadline: Date.now() + 30_000 };
    this.#client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      deadline,
      (error: ServiceError | null, answer) => (error ? reject(error) : resolve(answer as Message)),
    );
    return promise;
  }

  stream(name: string, request: object = {}): ClientReadableStream<Message> {
    const { path, requestSerialize, responseDeserialize } = methodOf(name);
    const stream = this.#client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
    // Who reads is told; one that is left alone may end as it likes.
    return stream.on("error", () => undefined);
  }

  /** A stream of bytes, to and fro as they are. */
  raw(path: string, request: Buffer): ClientReadableStream<Buffer> {
    const asIs = (bytes: Buffer): Buffer => bytes;
    return this.#client.makeServerStreamRequest(path, asIs, asIs, request);
  }

  /** All responses of GetFlows until it ends. */
  async responses(request: object = {}): Promise<Message[]> {
    const found: Message[] = [];
    for await (const message of this.stream("observer.Observer/GetFlows", request)) found.push(message as Message);
    return found;
  }

  /** All flows of GetFlows until it ends. */
  async flows(request: object = {}): Promise<Message[]> {
    return (await this.responses(request)).flatMap(({ flow }) => (flow === undefined ? [] : [flow as Message]));
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** Resolves when the server has understood a stream's request: what comes from then on will be told. */
export async function accepted(stream: ClientReadableStream<unknown>): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  stream.once("metadata", () => resolve());
  stream.once("error", reject);
  await promise;
  stream.off("error", reject);
}

/** Resolves with the code of a call's error, `OK` when it ends without. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "OK";
  } catch (error) {
    return status[(error as ServiceError).code] ?? String(error);
  }
}
