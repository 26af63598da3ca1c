/**
 * What the API needs of the agent. Each port is as narrow as its routes; the agent's
 * own parts do not know them, one adapter joins both.
 *
 * A port throws an `ApiError`, or an error of the agent's parts that stands in the table
 * of `errors.ts`; whatever else it throws is answered as an internal error.
 */
import type { CaptureLine, CaptureQuery } from "./capture-views.ts";
import type { Progress } from "./answer-writer.ts";
import type { NamedAddressView } from "./name-views.ts";
import type { AddressReasons, AddressView, NodeView } from "./address-views.ts";
import type { CniAnswer, CniCall } from "./cni.ts";
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
import type { OptionChange, OptionChanges, OptionView } from "./config-views.ts";
import type { DatapathEvent, EventQuery } from "./event-views.ts";
import type { FlowLine, LostFlows } from "./flow.ts";
import type { Written } from "./json-text.ts";
import type { FlowQuery } from "./flow-filter.ts";
import type {
  Evaluation,
  EvaluationRequest,
  LocatedError,
  PoliciesInForce,
  PolicyChange,
  PolicyDocument,
  PolicyObjectView,
  PolicyView,
  StagedView,
  Verification,
} from "./policy-views.ts";
import type { PrefilterChange, PrefilterView } from "./prefilter-views.ts";
import type { Trace, TraceRequest } from "./trace-views.ts";
import type { DiffRequest, PolicyDiff, PolicyObjectText, Suggestion } from "./what-if-views.ts";
import type { EndpointLogEntry, EndpointView, IdentityView, MetricView, PageLink, StatusView } from "./views.ts";

/** What the CNI binary asks. */
export interface CniPort {
  /** Errors of the call are answers, too. `signal` ends when the caller has gone or the agent stops. */
  call(call: CniCall, signal: AbortSignal): Promise<CniAnswer>;
}

export interface EndpointPort {
  list(): readonly EndpointView[];
  get(id: number): EndpointView | undefined;
  /** Oldest first. Undefined: no such endpoint. */
  log(id: number): readonly EndpointLogEntry[] | undefined;
  /** Compiles its policy anew; resolves when that is in force. Undefined: no such endpoint. */
  regenerate(id: number): Promise<EndpointView | undefined>;
}

export interface IdentityPort {
  list(): readonly IdentityView[];
  get(id: number): IdentityView | undefined;
}

/** The name of an object; `namespace` is empty for a cluster-wide one. */
export interface ObjectName {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

export type PolicyOutcome =
  | { readonly ok: true; readonly change: PolicyChange }
  | { readonly ok: false; readonly errors: readonly LocatedError[] };

export interface PolicyService {
  list(): readonly PolicyView[];
  /** Everything that is staged, in the order of files and lines. */
  staged(): readonly StagedView[];
  get(name: ObjectName): PolicyObjectView | undefined;
  inForce(): PoliciesInForce;
  validate(document: PolicyDocument): readonly LocatedError[];
  /** Keeps the objects in the state folder; resolves when they are in force. */
  apply(document: PolicyDocument): Promise<PolicyOutcome>;
  /** Takes back what {@link apply} brought. Undefined: there is no such applied object. */
  delete(name: ObjectName): Promise<PolicyChange | undefined>;
  /** Of the policy that is in force on all endpoints. */
  revision(): number;
  /**
   * Resolves with the revision in force when it is at least `revision`; without one, when
   * all that was accepted before the call is in force. Rejects with the signal's reason.
   */
  waitRevision(revision: number | undefined, signal: AbortSignal): Promise<number>;
}

export type EvaluationOutcome =
  | { readonly ok: true; readonly evaluation: Evaluation }
  | { readonly ok: false; readonly errors: readonly LocatedError[] };

export interface EvaluationPort {
  /** Errors are those of the candidate. An unknown pod is thrown as `not-found`. */
  evaluate(request: EvaluationRequest): EvaluationOutcome;
}

export interface VerificationPort {
  /** Of one endpoint, or, with null, of all. Rejects with the signal's reason. An unknown endpoint is thrown as `not-found`. */
  verify(endpoint: number | null, signal: AbortSignal): Promise<Verification>;
}

export interface TracePort {
  /** Of one packet, which is not sent. An unknown pod is thrown as `not-found`. */
  trace(request: TraceRequest): Promise<Trace>;
}

export interface BpfPort {
  policy(): readonly BpfPolicyEntry[];
  /** Some at a time, until the signal. An unknown endpoint is thrown as `not-found`. */
  conntrack(query: BpfTupleQuery, signal: AbortSignal): AsyncIterable<readonly BpfConnection[]>;
  nat(query: BpfTupleQuery, signal: AbortSignal): AsyncIterable<readonly BpfMapping[]>;
  flushConntrack(query: BpfTupleQuery): Promise<BpfFlush>;
  flushNat(query: BpfTupleQuery): Promise<BpfFlush>;
  ipcache(): readonly BpfIpcacheEntry[];
  /** The longest prefix that covers an address. */
  ipcacheOf(address: string): BpfIpcacheEntry | undefined;
  counters(): readonly BpfCounter[];
  links(): readonly BpfLinkView[];
  endpoints(): readonly BpfEndpoint[];
  bandwidth(): readonly BpfBandwidth[];
}

export interface AddressPort {
  /** The ipcache, with what says whose each prefix is. */
  list(): readonly AddressView[];
  nodes(): readonly NodeView[];
  /** @param address in any of its spellings. */
  why(address: string): Promise<AddressReasons>;
}

export interface NamePort {
  /** What DNS names stand for. */
  list(): readonly NamedAddressView[];
}

export interface StatusPort {
  status(): Promise<StatusView>;
}

export interface MetricsPort {
  /** Prometheus' text format. */
  text(): Promise<string>;
  list(): Promise<readonly MetricView[]>;
}

export interface ConfigPort {
  /** All options. */
  list(): readonly OptionView[];
  /** Keeps values in the state folder; resolves when they are in force. */
  change(changes: OptionChanges): Promise<OptionChange>;
}

export interface PrefilterPort {
  show(): PrefilterView;
  /** Kept in the state folder, and in force when they resolve. */
  add(prefixes: readonly string[]): Promise<PrefilterChange>;
  delete(prefixes: readonly string[]): Promise<PrefilterChange>;
}

export interface CapturePort {
  /** Dropped packets as they come, until the signal, or until the agent has had enough. */
  read(query: CaptureQuery, signal: AbortSignal): AsyncIterable<readonly CaptureLine[]>;
}

export interface FlowPort {
  /** Of all flows, whatever is asked for; missing: they are not kept. */
  readonly counts?: Progress;
  /** What is kept, oldest first, then, when following, what comes, until the signal. */
  read(query: FlowQuery, signal: AbortSignal): AsyncIterable<readonly (FlowLine | Written)[]>;
}

export interface EventPort {
  /** As {@link FlowPort}, as the kernel told it. */
  read(query: EventQuery, signal: AbortSignal): AsyncIterable<readonly (DatapathEvent | LostFlows)[]>;
}

export type DiffOutcome =
  | { readonly ok: true; readonly diff: PolicyDiff }
  | { readonly ok: false; readonly errors: readonly LocatedError[] };

/** Answers without changing anything. */
export interface WhatIfPort {
  /** Undefined: no such object, or nobody has its text any more. */
  text(name: ObjectName): PolicyObjectText | undefined;
  /** Errors are those of the candidate. Rejects with the signal's reason. */
  diff(request: DiffRequest, signal: AbortSignal): Promise<DiffOutcome>;
  /** Of a flow that was dropped. */
  suggest(flow: Readonly<Record<string, unknown>>): Suggestion;
}

export interface PagePort {
  /** A link that lets one browser in; null: no page is served. */
  link(): PageLink | null;
}

/** Everything that the full API needs. */
export interface Ports {
  readonly cni: CniPort;
  readonly endpoints: EndpointPort;
  readonly identities: IdentityPort;
  readonly policies: PolicyService;
  readonly evaluations: EvaluationPort;
  readonly verifications: VerificationPort;
  readonly traces: TracePort;
  readonly bpf: BpfPort;
  readonly addresses: AddressPort;
  readonly names: NamePort;
  readonly status: StatusPort;
  readonly metrics: MetricsPort;
  readonly config: ConfigPort;
  readonly prefilter: PrefilterPort;
  readonly flows: FlowPort;
  readonly events: EventPort;
  readonly captures: CapturePort;
  readonly whatIf: WhatIfPort;
  readonly page: PagePort;
}
