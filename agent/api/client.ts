import type { IncomingMessage } from "node:http";
import type { NamedAddressView } from "./name-views.ts";
import type { AddressReasons, AddressView, NodeView } from "./address-views.ts";
import type {
  BpfBandwidth,
  BpfConnection,
  BpfCounter,
  BpfEndpoint,
  BpfFlush,
  BpfIpcacheEntry,
  BpfLinkView,
  BpfMapping,
  BpfPolicyEntry,
  BpfTupleQuery,
} from "./bpf-views.ts";
import type { CaptureLine } from "./capture-views.ts";
import { ClientError } from "./client-error.ts";
import type { OptionChange, OptionChanges, OptionView } from "./config-views.ts";
import type { DatapathEvent } from "./event-views.ts";
import type { FlowLine, LostFlows } from "./flow.ts";
import type {
  Evaluation,
  EvaluationRequest,
  PoliciesInForce,
  PolicyChange,
  PolicyDocument,
  PolicyObjectView,
  PolicyView,
  StagedView,
  Verification,
  VerificationRequest,
} from "./policy-views.ts";
import type { PrefilterChange, PrefilterRequest, PrefilterView } from "./prefilter-views.ts";
import type { Method } from "./route.ts";
import type { Trace, TraceRequest } from "./trace-views.ts";
import type { EndpointLogEntry, EndpointView, IdentityView, MetricView, PageLink, StatusView } from "./views.ts";

/** Query parameters; a list gives one parameter for each item. */
export type Query = Readonly<Record<string, string | number | boolean | readonly (string | number)[] | undefined>>;

/** The maps that `weir bpf` can list. */
export interface BpfListings {
  readonly policy: BpfPolicyEntry;
  readonly conntrack: BpfConnection;
  readonly nat: BpfMapping;
  readonly ipcache: BpfIpcacheEntry;
  readonly counters: BpfCounter;
  readonly links: BpfLinkView;
  readonly endpoints: BpfEndpoint;
  readonly bandwidth: BpfBandwidth;
}

/** Those that may be long: they come as they are read. */
const bpfTables = ["conntrack", "nat"] as const;
export type BpfTables = Pick<BpfListings, (typeof bpfTables)[number]>;

interface Request {
  readonly method: Method;
  readonly path: string;
  readonly query: Query;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The agent's API, typed. Answers are taken as they come: the agent is trusted. It
 * imports no schema library, because the CLI's start-up time is its users'.
 *
 * Every method rejects with a {@link ClientError}, or with the signal's reason.
 */
export class ApiClient {
  readonly #socket: string;
  readonly #observeSocket: string | undefined;
  readonly #signal: AbortSignal | undefined;

  /**
   * @param socket path of the agent's Unix socket.
   * @param observeSocket path of the one where nothing can be changed: what only reads goes there when the
   * first is not for this user.
   * @param signal for what only reads, where a request has none of its own.
   */
  constructor(socket: string, observeSocket?: string, signal?: AbortSignal) {
    this.#socket = socket;
    this.#observeSocket = observeSocket;
    this.#signal = signal;
  }

  status(): Promise<StatusView> {
    return this.#get("/v1/status");
  }
  metrics(): Promise<MetricView[]> {
    return this.#get("/v1/metrics");
  }
  config(): Promise<OptionView[]> {
    return this.#get("/v1/config");
  }
  changeConfig(changes: OptionChanges): Promise<OptionChange> {
    return this.#change("PATCH", "/v1/config", {}, changes);
  }
  endpoints(): Promise<EndpointView[]> {
    return this.#get("/v1/endpoints");
  }
  endpoint(id: number): Promise<EndpointView> {
    return this.#get(`/v1/endpoints/${id}`);
  }
  endpointLog(id: number): Promise<EndpointLogEntry[]> {
    return this.#get(`/v1/endpoints/${id}/log`);
  }
  regenerateEndpoint(id: number): Promise<EndpointView> {
    return this.#change("POST", `/v1/endpoints/${id}/regenerate`, {});
  }
  identities(): Promise<IdentityView[]> {
    return this.#get("/v1/identities");
  }
  identity(id: number): Promise<IdentityView> {
    return this.#get(`/v1/identities/${id}`);
  }
  policies(): Promise<PolicyView[]> {
    return this.#get("/v1/policies");
  }
  stagedPolicies(): Promise<StagedView[]> {
    return this.#get("/v1/policies/staged");
  }
  /** @param name `KIND/NAMESPACE/NAME` */
  policy(name: string): Promise<PolicyObjectView> {
    return this.#get("/v1/policies/object", { name });
  }
  policiesInForce(): Promise<PoliciesInForce> {
    return this.#get("/v1/policies/objects");
  }
  applyPolicy(document: PolicyDocument): Promise<PolicyChange> {
    return this.#change("POST", "/v1/policies", {}, document);
  }
  deletePolicy(name: string): Promise<PolicyChange> {
    return this.#change("DELETE", "/v1/policies/object", { name });
  }
  policyRevision(): Promise<{ revision: number }> {
    return this.#get("/v1/policies/revision");
  }
  waitRevision(revision: number | undefined, signal?: AbortSignal): Promise<{ revision: number }> {
    return this.#read("GET", "/v1/policies/wait", { revision }, undefined, signal);
  }
  verifyPolicy(request: VerificationRequest, signal?: AbortSignal): Promise<Verification> {
    return this.#read("POST", "/v1/policies/verify", {}, request, signal);
  }
  evaluate(request: EvaluationRequest): Promise<Evaluation> {
    return this.#read("POST", "/v1/evaluate", {}, request);
  }
  trace(request: TraceRequest): Promise<Trace> {
    return this.#read("POST", "/v1/trace", {}, request);
  }
  pageLink(): Promise<PageLink> {
    return this.#read("POST", "/v1/page/links", {});
  }
  /** All at once. */
  async bpf<Name extends keyof BpfListings>(name: Name): Promise<BpfListings[Name][]> {
    if (!bpfTables.some((table) => table === name)) return this.#get(`/v1/bpf/${name}`);
    const all: BpfListings[Name][] = [];
    for await (const one of this.#table<BpfListings[Name]>(name, {})) all.push(one);
    return all;
  }
  /** As they are read. */
  bpfTable<Name extends keyof BpfTables>(name: Name, query: BpfTupleQuery = {}): AsyncGenerator<BpfTables[Name]> {
    return this.#table(name, query);
  }
  flushBpfTable(name: keyof BpfTables, query: BpfTupleQuery): Promise<BpfFlush> {
    return this.#change("DELETE", `/v1/bpf/${name}`, { ...query });
  }
  addresses(): Promise<AddressView[]> {
    return this.#get("/v1/addresses");
  }
  /** What DNS names stand for. */
  names(): Promise<NamedAddressView[]> {
    return this.#get("/v1/names");
  }
  nodes(): Promise<NodeView[]> {
    return this.#get("/v1/nodes");
  }
  whyAddress(address: string): Promise<AddressReasons> {
    return this.#get("/v1/addresses/why", { address });
  }
  /** The longest prefix that covers an address. */
  ipcacheOf(address: string): Promise<BpfIpcacheEntry> {
    return this.#get("/v1/bpf/ipcache/match", { address });
  }

  prefilter(): Promise<PrefilterView> {
    return this.#get("/v1/prefilter");
  }
  addToPrefilter(request: PrefilterRequest): Promise<PrefilterChange> {
    return this.#change("POST", "/v1/prefilter", {}, request);
  }
  deleteFromPrefilter(request: PrefilterRequest): Promise<PrefilterChange> {
    return this.#change("POST", "/v1/prefilter/delete", {}, request);
  }

  /** Flows as they come, line by line; ends when the agent stops or the signal says so. */
  flows(query: Query, signal?: AbortSignal): AsyncGenerator<FlowLine> {
    return this.#lines(() => this.#sendReading({ method: "GET", path: "/v1/flows", query, signal }));
  }

  /** Events of the datapath, as {@link flows}. */
  events(query: Query, signal?: AbortSignal): AsyncGenerator<DatapathEvent | LostFlows> {
    return this.#lines(() => this.#sendReading({ method: "GET", path: "/v1/events", query, signal }));
  }
  /** Dropped packets as they come; the datapath captures as long as this is read. */
  captures(query: Query, signal?: AbortSignal): AsyncGenerator<CaptureLine> {
    return this.#lines(() => this.#send(this.#socket, { method: "GET", path: "/v1/captures", query, signal }));
  }

  #table<T extends object>(name: string, query: BpfTupleQuery): AsyncGenerator<T> {
    return this.#lines(() => this.#sendReading({ method: "GET", path: `/v1/bpf/${name}`, query: { ...query } }));
  }

  async *#lines<T extends object>(send: () => Promise<IncomingMessage>): AsyncGenerator<T> {
    const response = await send();
    if (response.statusCode !== 200) throw ClientError.fromAnswer(response.statusCode ?? 0, await readText(response));
    let rest = "";
    for await (const text of this.#pieces(response)) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) yield parsedLine(line) as T;
    }
  }

  /** A stream's text; one that breaks is an agent that went away. */
  async *#pieces(response: IncomingMessage): AsyncGenerator<string> {
    response.setEncoding("utf8");
    try {
      yield* response as AsyncIterable<string>;
    } catch (error) {
      if (error instanceof Error && error.name === "AbortError") throw error;
      throw ClientError.fromSocket(this.#socket, error as NodeJS.ErrnoException);
    }
  }

  #get<T>(path: string, query: Query = {}): Promise<T> {
    return this.#read("GET", path, query);
  }

  async #read<T>(
    method: Method,
    path: string,
    query: Query,
    body?: unknown,
    signal: AbortSignal | undefined = this.#signal,
  ): Promise<T> {
    return this.#take(await this.#sendReading({ method, path, query, body, signal }), signal);
  }

  async #change<T>(method: Method, path: string, query: Query, body?: unknown): Promise<T> {
    return this.#take(await this.#send(this.#socket, { method, path, query, body }));
  }

  async #take<T>(response: IncomingMessage, signal?: AbortSignal): Promise<T> {
    const text = await readText(response).catch((error: NodeJS.ErrnoException) => {
      throw signal?.aborted ? error : ClientError.fromSocket(this.#socket, error);
    });
    const status = response.statusCode ?? 0;
    if (status < 200 || status > 299) throw ClientError.fromAnswer(status, text);
    return JSON.parse(text) as T;
  }

  async #sendReading(request: Request): Promise<IncomingMessage> {
    try {
      return await this.#send(this.#socket, request);
    } catch (error) {
      const mayLook = error instanceof ClientError && error.kind === "forbidden" && this.#observeSocket !== undefined;
      if (!mayLook) throw error;
      return await this.#send(this.#observeSocket, request);
    }
  }

  #send(socket: string, { method, path, query, body, signal }: Request): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const text = body === undefined ? undefined : JSON.stringify(body);
    // Importing node:http as an ECMAScript module evaluates its lazy exports, and so loads all of
    // undici: 30 ms of a command's start. This way it costs 3.
    const { request: httpRequest } = process.getBuiltinModule("node:http");
    const request = httpRequest({
      socketPath: socket,
      method,
      path: `${path}${queryText(query)}`,
      agent: false,
      headers:
        text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) },
      ...(signal ? { signal } : {}),
    });
    request.once("response", resolve);
    request.once("error", (error: NodeJS.ErrnoException) => {
      reject(signal?.aborted ? error : ClientError.fromSocket(socket, error));
    });
    request.end(text);
    return promise;
  }
}

/** @throws ClientError for the last line of a stream that the agent ends. */
function parsedLine(line: string): object {
  const value = JSON.parse(line) as object;
  if ("error" in value) throw ClientError.fromAnswer(503, line);
  return value;
}

async function readText(response: IncomingMessage): Promise<string> {
  response.setEncoding("utf8");
  let text = "";
  for await (const piece of response as AsyncIterable<string>) text += piece;
  return text;
}

function queryText(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const item of Array.isArray(value) ? value : [value]) parameters.append(name, String(item));
  }
  return parameters.size === 0 ? "" : `?${parameters.toString()}`;
}
