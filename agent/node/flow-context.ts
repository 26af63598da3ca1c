import type { Isolation, NearestRule, RuleDescription } from "#agent/api/policy-views.ts";
import { ReservedIdentity } from "#agent/datapath/layouts.gen.ts";
import type {
  Denial,
  FlowContext,
  FlowParty,
  IsolatedEnd,
  PartyQuery,
  RequestDenial,
  RequestRefusal,
} from "#agent/flows/context.ts";
import { identityLabels, labelList, reservedLabels } from "#agent/identity/labels.ts";
import { Evaluator } from "#policy/explain/evaluate.ts";
import type { Flow, Party } from "#policy/model/flow.ts";
import type { Labels, Subject } from "#policy/model/identity.ts";
import type { Outsiders } from "#agent/endpoint/outsiders.ts";
import type { JudgingPolicy } from "#agent/endpoint/policy-controller.ts";
import type { PodFacts } from "#agent/endpoint/manager-options.ts";
import type { EndpointRecord } from "#agent/endpoint/record.ts";
import { ServiceNames } from "./service-names.ts";
import { workloadOf } from "./workload.ts";
import type { FlowWorkload } from "#agent/api/flow.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { askedRequest, unaskedMiss } from "./asked-request.ts";
import { partyOf } from "./party-of.ts";

/** What of the node's parts is looked into. */
export interface FlowSources {
  readonly config: { readonly nodeName: string };
  readonly clock: { wallNanoseconds(boot: bigint): bigint; now(): Date };
  readonly endpoints: {
    list(): readonly EndpointNames[];
    get(id: number): EndpointNames | undefined;
  };
  readonly pods: { find(namespace: string, name: string): PodFacts | undefined };
  readonly devices: { readonly present: readonly { readonly index: number; readonly name: string }[] };
  readonly identities: { subject(id: number): Subject | undefined };
  /** DNS names that stand for an address. */
  readonly names: { namesOf(address: string): readonly string[] };
  readonly references: { lookup(reference: number): readonly RuleDescription[] };
  readonly outsiders: Pick<Outsiders, "party">;
  readonly enforcement: { readonly outsiders: { readonly ownLabels: Labels } };
  readonly policy: { readonly objects: readonly PolicyObject[]; at(generation: bigint): JudgingPolicy };
}

interface EndpointNames {
  readonly record: Pick<
    EndpointRecord,
    "id" | "incarnation" | "identity" | "ifindex" | "namespace" | "pod" | "labels" | "hostInterface"
  >;
  readonly subject: Subject;
}

/** DNS names that a flow gives of one address. */
const MOST_NAMES = 8;

/** How old, in ms, an evaluator as of some moment may be. */
const LATE = 500;

/** Names for the numbers in events, as this node knows them now. */
export class NodeFlowContext implements FlowContext {
  readonly nodeName: string;
  readonly #parts: FlowSources;
  readonly #services = new ServiceNames();
  /** By endpoint and identity: equal parties are one object. */
  readonly #parties = new Map<string, FlowParty>();
  /** Of the latest policy that was asked about: making one reads all objects. */
  #evaluator: { readonly policy: JudgingPolicy; readonly evaluator: Evaluator } | null = null;
  /** The same, as of later than when the policy was compiled. */
  #late: { readonly policy: JudgingPolicy; readonly at: number; readonly evaluator: Evaluator } | null = null;

  constructor(parts: FlowSources) {
    this.#parts = parts;
    this.nodeName = parts.config.nodeName;
  }

  wallNanoseconds(boot: bigint): bigint {
    return this.#parts.clock.wallNanoseconds(boot);
  }

  party({ endpoint, identity, address }: PartyQuery): FlowParty {
    const found = endpoint === 0 ? undefined : this.#parts.endpoints.get(endpoint);
    const known = identity !== 0 ? identity : (found?.record.identity ?? ReservedIdentity.UNKNOWN);
    const workload = found && this.#workloadOf(found);
    const service = this.#services.at(address, this.#parts.policy.objects);
    const dns = found ? [] : this.#parts.names.namesOf(address).slice(0, MOST_NAMES);
    const words = `${workload?.kind} ${workload?.name} ${service?.namespace} ${service?.name} ${dns.join()}`;
    const key = `${endpoint} ${known} ${found?.record.incarnation ?? 0} ${words}`;
    const cached = this.#parties.get(key);
    if (cached) return cached;
    const subject = this.#subjectOf(endpoint, known);
    const labels = subject ? identityLabels(subject) : (reservedLabels(known) ?? this.#nodeLabels(known));
    const party: FlowParty = {
      endpoint: found ? endpoint : 0,
      identity: known,
      labels: labelList(labels),
      namespace: found?.record.namespace ?? null,
      pod: found?.record.pod ?? null,
      ...(workload && { workload }),
      ...(service && { service }),
      ...(dns.length > 0 && { names: dns }),
    };
    // Endpoints come and go; what is asked again is made again.
    if (this.#parties.size > 4096) this.#parties.clear();
    this.#parties.set(key, party);
    return party;
  }

  endpointOnInterface(ifindex: number): number {
    return this.#parts.endpoints.list().find(({ record }) => record.ifindex === ifindex)?.record.id ?? 0;
  }

  interfaceName(ifindex: number): string | undefined {
    return interfaceNameOf(this.#parts, ifindex);
  }

  rules(reference: number): readonly RuleDescription[] {
    return this.#parts.references.lookup(reference);
  }

  nearest(denial: Denial): NearestRule | null {
    const { direction } = denial;
    const policy = this.#parts.policy.at(denial.generation);
    const flow = this.#toFlow(denial);
    const { verdict, nearest, by, note } = this.#evaluatorOf(policy).evaluate(flow)[direction];
    if (verdict === "deny") return nearest;
    const [allowing] = by;
    // What the datapath is known to do otherwise.
    if (allowing && note !== undefined) return { ...allowing, because: note };
    // The kernel sees that a rule has ended some moments before the policy is compiled anew.
    return this.#lateEvaluatorOf(policy).evaluate(flow)[direction].nearest;
  }

  requestRefusal(denial: RequestDenial): RequestRefusal {
    const evaluator = this.#evaluatorOf(this.#parts.policy.at(denial.generation));
    const flow = this.#toFlow(denial);
    const { verdict, by: asked } = evaluator.evaluate(flow)[denial.direction];
    const [first] = asked;
    // Other rules have come since.
    if (verdict !== "redirect" || !first) return { asked: [], nearest: null };
    const request = askedRequest(denial.content);
    if (request === null) return { asked, nearest: { ...first, because: unaskedMiss(denial.content) } };
    return { asked, nearest: evaluator.evaluate(flow, request)[denial.direction].nearest };
  }

  isolation({ direction, party, generation }: IsolatedEnd): Isolation {
    return this.#evaluatorOf(this.#parts.policy.at(generation)).isolation(this.#toParty(party), direction);
  }

  /** By all labels: an identity has not those that controllers write. */
  #workloadOf({ record: { namespace, pod, labels } }: EndpointNames): FlowWorkload | undefined {
    const facts = this.#parts.pods.find(namespace, pod);
    return workloadOf(pod, facts?.labels ?? labels, facts?.owner);
  }

  /** Of the identity that was judged, which is not the endpoint's any more when its pod has got other labels since. */
  #subjectOf(endpoint: number, identity: number): Subject | undefined {
    const found = this.#parts.endpoints.get(endpoint);
    if (found?.record.identity === identity) return found.subject;
    return this.#parts.identities.subject(identity) ?? found?.subject;
  }

  /** Of another node; empty for a number that is none's. */
  #nodeLabels(identity: number): Record<string, string> {
    const party = this.#parts.outsiders.party(identity);
    return party ? { ...party.nodeLabels, [`reserved:${party.reserved}`]: "" } : {};
  }

  #evaluatorOf(policy: JudgingPolicy): Evaluator {
    if (this.#evaluator?.policy !== policy) {
      this.#evaluator = { policy, evaluator: new Evaluator(policy.objects, policy.options) };
    }
    return this.#evaluator.evaluator;
  }

  #lateEvaluatorOf(policy: JudgingPolicy): Evaluator {
    const at = this.#parts.clock.now().getTime();
    if (this.#late?.policy !== policy || at - this.#late.at > LATE) {
      this.#late = { policy, at, evaluator: new Evaluator(policy.objects, { ...policy.options, at }) };
    }
    return this.#late.evaluator;
  }

  #toFlow({ source, destination, sourceAddress, destinationAddress, protocol, port }: Denial): Flow {
    return {
      source: this.#toParty(source, sourceAddress),
      destination: this.#toParty(destination, destinationAddress),
      protocol,
      port,
    };
  }

  #toParty({ endpoint, identity }: FlowParty, address?: string): Party {
    const subject = this.#subjectOf(endpoint, identity);
    const at = address === undefined ? {} : { address };
    if (subject) return { subject, ...at };
    if (identity === ReservedIdentity.HOST) {
      return { reserved: "host", nodeLabels: this.#parts.enforcement.outsiders.ownLabels, ...at };
    }
    const names = address === undefined ? [] : this.#parts.names.namesOf(address);
    return { ...partyOf(identity, this.#parts.outsiders), ...at, ...(names.length > 0 && { names }) };
  }
}

/** Of a pod's interface on this node, or of a device of the node's. */
export function interfaceNameOf(
  { endpoints, devices }: Pick<FlowSources, "endpoints" | "devices">,
  ifindex: number,
): string | undefined {
  const own = endpoints.list().find(({ record }) => record.ifindex === ifindex)?.record.hostInterface;
  return own ?? devices.present.find(({ index }) => index === ifindex)?.name;
}
