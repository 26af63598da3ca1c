import type { Flow, FlowEndpoint } from "#agent/api/flow.ts";
import {
  AddressFamily,
  ConnectionEnd,
  DropReason,
  EventType,
  type EventRecord,
  Verdict,
} from "#agent/datapath/layouts.gen.ts";
import { formatTime } from "#agent/runtime/clock.ts";
import { addressText } from "./address-text.ts";
import type { FlowContext, FlowParty } from "./context.ts";
import { denialOf } from "./denial.ts";
import { dropReasonName, dropReasonText } from "./drop-reason.ts";
import { layer4 } from "./layer4.ts";
import type { NearestRules } from "./nearest.ts";
import { decidingVerdict, deniedEnd, directionOf, type FlowRecord, flowVerdict } from "./record.ts";
import { RuleWords } from "./rule-words.ts";
import { sourceFileName } from "./source-file.ts";
import { connectionOf, subType, traceOf } from "./trace.ts";

/** Turns kept events into flows. Rules are named as they are known now; a reference never changes its meaning. */
export class FlowRenderer {
  readonly #context: FlowContext;
  readonly #nearest: NearestRules;
  readonly #words: RuleWords;
  readonly #uuidPrefix: string;

  constructor(context: FlowContext, nearest: NearestRules) {
    this.#context = context;
    this.#nearest = nearest;
    this.#words = new RuleWords(context);
    // One random half for each run of the agent, and the sequence number.
    this.#uuidPrefix = crypto.randomUUID().slice(0, 13);
  }

  render(record: FlowRecord): Flow {
    const { event } = record;
    const dropped = event.reason !== DropReason.NONE;
    const l4 = layer4(event);
    return {
      time: formatTime(record.time),
      uuid: this.uuid(record),
      verdict: flowVerdict(record),
      ...(dropped ? { drop_reason: event.reason, drop_reason_desc: dropReasonName(event.reason) } : {}),
      ...ipOf(event),
      ...(l4 ? { l4 } : {}),
      source: endpointOf(record.source),
      destination: endpointOf(record.destination),
      Type: "L3_L4",
      node_name: this.#context.nodeName,
      event_type: { type: event.type, sub_type: subType(event) },
      traffic_direction: directionOf(event) === "egress" ? "EGRESS" : "INGRESS",
      ...(event.type === EventType.VERDICT ? { policy_match_type: matchOf(event) } : {}),
      ...traceOf(event),
      is_reply: event.isReply !== 0,
      ...(event.ifindex === 0 ? {} : { interface: { index: event.ifindex } }),
      ...(event.line === 0 ? {} : { file: { name: sourceFileName(event.file), line: event.line } }),
      ...this.#policiesOf(event),
      weir: this.#weirOf(record),
    };
  }

  #weirOf(record: FlowRecord): Flow["weir"] {
    const { event, staged } = record;
    const forwarded = event.reason === DropReason.NONE;
    const denied = deniedEnd(event);
    const verdict = decidingVerdict(event);
    const deciding = verdict === undefined ? [] : event.end.filter((end) => end.verdict === verdict);
    // No rule speaks for both directions, so none is named twice.
    const rules = deciding.flatMap((end) => this.#words.of(end, event.generation).rules);
    const allowed = rules.length > 0 ? "allowed by rule" : "no policy applies";
    const denial = denialOf(record);
    const nearest = denial && this.#nearest.find(denial);
    const connection = connectionOf(event);
    return {
      rules,
      ...(nearest === undefined ? {} : { nearest }),
      generation: event.generation.toString(),
      reason: forwarded ? allowed : dropReasonText(event.reason),
      ...(denied ? { denied } : {}),
      ...(staged.length > 0 ? { staged } : {}),
      ...(connection ? { connection } : {}),
    };
  }

  #policiesOf({ end, generation }: EventRecord): Partial<Flow> {
    const [from, to] = end;
    const egress = this.#words.of(from, generation).policies;
    const ingress = this.#words.of(to, generation).policies;
    const flow: Partial<Flow> = {};
    if (egress.length > 0) flow[from.verdict === Verdict.DENY ? "egress_denied_by" : "egress_allowed_by"] = egress;
    if (ingress.length > 0) flow[to.verdict === Verdict.DENY ? "ingress_denied_by" : "ingress_allowed_by"] = ingress;
    return flow;
  }

  /** The flow's name, the same to every reader. */
  uuid({ sequence }: FlowRecord): string {
    const digits = sequence.toString(16).padStart(15, "0");
    // Version 8 (RFC 9562): the content is our own.
    return `${this.#uuidPrefix}-8${digits.slice(0, 3)}-8000-${digits.slice(3)}`;
  }
}

function ipOf({ family, source, destination }: EventRecord): Pick<Flow, "IP"> {
  if (family === AddressFamily.NONE) return {};
  return {
    IP: {
      source: addressText(family, source.bytes),
      destination: addressText(family, destination.bytes),
      ipVersion: family === AddressFamily.IPV6 ? "IPv6" : "IPv4",
    },
  };
}

function endpointOf({ endpoint, identity, labels, namespace, pod }: FlowParty): FlowEndpoint {
  return {
    ...(endpoint === 0 ? {} : { ID: endpoint }),
    identity,
    ...(namespace === null ? {} : { namespace }),
    labels,
    ...(pod === null ? {} : { pod_name: pod }),
  };
}

/** Of the end that `traffic_direction` names. */
function matchOf(event: EventRecord): number {
  return event.end[directionOf(event) === "egress" ? ConnectionEnd.END_SOURCE : ConnectionEnd.END_DESTINATION].match;
}
