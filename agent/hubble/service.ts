import { once } from "node:events";
import type { Duplex } from "node:stream";
import { setImmediate } from "node:timers/promises";
import {
  type ConnectionInjector,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  status,
  type StatusObject,
} from "@grpc/grpc-js";
import { ApiError } from "#agent/api/errors.ts";
import type { Warn } from "#agent/api/handler.ts";
import { Pools } from "#agent/api/pools.ts";
import { reasonOf } from "#agent/runtime/errors.ts";
import { Health } from "./health.ts";
import type { GetEventsRequest, GetFlowsRequest, HealthCheckRequest } from "./messages.ts";
import { type Batches, Observer, type ObserverNeeds } from "./observer.ts";
import { loadProtos } from "./protos.ts";

/** Streams of flows at a time, and such that wait for changes: each of the former looks at each flow. */
const pools = { call: 256, wait: 128, stream: 64 };

const options = {
  // Bytes of a request.
  "grpc.max_receive_message_length": 65_536,
  "grpc.max_concurrent_streams": 128,
  // A reader that is gone without a word gives its place back.
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
};

/** What errors of the API are in gRPC's words. */
const codes: Readonly<Record<string, status>> = {
  "bad-request": status.INVALID_ARGUMENT,
  "not-found": status.NOT_FOUND,
  busy: status.RESOURCE_EXHAUSTED,
  stopping: status.UNAVAILABLE,
};

/** Hubble's services, on connections that others have accepted. */
export class HubbleService {
  readonly #injector: ConnectionInjector;
  readonly #pools = new Pools(pools);
  readonly #warn: Warn;
  readonly #stop: AbortSignal;

  constructor(needs: ObserverNeeds, warn: Warn, stop: AbortSignal) {
    this.#warn = warn;
    this.#stop = stop;
    const protos = loadProtos();
    const observer = new Observer(needs, protos.flow);
    const health = new Health(
      [...Object.values(protos.observer), ...Object.values(protos.peer)].map(({ path }) => path),
    );
    const server = new Server(options);
    server.addService(protos.observer, {
      GetFlows: this.#stream("stream", (request: GetFlowsRequest, signal) => observer.flows(request, signal)),
      GetAgentEvents: this.#stream("stream", (request: GetEventsRequest, signal) =>
        observer.agentEvents(request, signal),
      ),
      GetDebugEvents: this.#stream("wait", (request: GetEventsRequest, signal) => noEvents(request, signal)),
      GetNodes: this.#unary(() => observer.nodes()),
      GetNamespaces: this.#unary(() => observer.namespaces()),
      ServerStatus: this.#unary(() => observer.serverStatus()),
    });
    server.addService(protos.peer, {
      Notify: this.#stream("wait", (_, signal) => andWait(peerAdded(needs), signal)),
    });
    server.addService(protos.health, {
      Check: this.#unary((request: HealthCheckRequest) => health.check(request)),
      Watch: this.#stream("wait", (request: HealthCheckRequest, signal) => andWait(health.watch(request), signal)),
    });
    this.#injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  }

  /** Serves a connection until it ends. */
  accept(connection: Duplex): void {
    this.#injector.injectConnection(connection);
  }

  /** Ends connections as soon as their calls have ended. */
  close(): void {
    this.#injector.destroy();
  }

  #unary<Request>(answer: (request: Request) => object): handleUnaryCall<Request, object> {
    return ({ request }, callback) => {
      try {
        using _place = this.#pools.take("call");
        callback(null, answer(request));
      } catch (error) {
        callback(this.#statusOf(error));
      }
    };
  }

  #stream<Request>(
    pool: "stream" | "wait",
    batches: (request: Request, signal: AbortSignal) => Batches,
  ): handleServerStreamingCall<Request, object> {
    return (call) => void this.#serve(call, pool, batches);
  }

  /** Answers; never rejects. */
  async #serve<Request>(
    call: ServerWritableStream<Request, object>,
    pool: "stream" | "wait",
    batches: (request: Request, signal: AbortSignal) => Batches,
  ): Promise<void> {
    const gone = new AbortController();
    const hangUp = (): void => gone.abort();
    call.once("cancelled", hangUp);
    this.#stop.addEventListener("abort", hangUp);
    try {
      using _place = this.#pools.take(pool);
      const stream = batches(call.request, gone.signal);
      // Says that the request has been understood.
      call.sendMetadata(new Metadata());
      await write(call, stream, gone.signal);
      if (this.#stop.aborted) throw stopping();
      call.end();
    } catch (error) {
      if (call.cancelled) return;
      call.emit("error", this.#statusOf(this.#stop.aborted ? stopping() : error));
    } finally {
      this.#stop.removeEventListener("abort", hangUp);
    }
  }

  #statusOf(error: unknown): Pick<StatusObject, "code" | "details"> {
    const code = error instanceof ApiError ? codes[error.code] : undefined;
    if (code === undefined) this.#warn(`answer a call of Hubble's API: ${reasonOf(error)}`, error);
    return { code: code ?? status.INTERNAL, details: reasonOf(error) };
  }
}

/** Writes, and waits for a slow reader; others get their turn in any case. */
async function write(
  call: ServerWritableStream<unknown, object>,
  batches: Batches,
  signal: AbortSignal,
): Promise<void> {
  for await (const batch of batches) {
    for (const message of batch) {
      if (signal.aborted) return;
      if (!call.write(message)) await once(call, "drain", { signal });
    }
    await setImmediate();
  }
}

/** What is there, and nothing more until the caller goes. */
async function* andWait(message: object, signal: AbortSignal): Batches {
  yield [message];
  if (!signal.aborted) await once(signal, "abort");
}

/** This node: others are not known yet. */
function peerAdded(needs: ObserverNeeds): object {
  const { address, serverName } = needs.peer();
  const tls = serverName === null ? {} : { tls: { server_name: serverName } };
  return { name: needs.nodeName, address, type: "PEER_ADDED", ...tls };
}

/** The datapath has no events for debugging: who follows them waits. */
async function* noEvents({ follow = false }: GetEventsRequest, signal: AbortSignal): Batches {
  yield [];
  if (follow && !signal.aborted) await once(signal, "abort");
}

function stopping(): ApiError {
  return new ApiError("stopping", { asked: "serve the call", obstacle: "the agent stops" });
}
