import type { Flow } from "#agent/api/flow.ts";
import { Written } from "#agent/api/json-text.ts";
import { ConnectionEnd, DropReason, EventType, type EventRecord, Verdict } from "#agent/datapath/layouts.gen.ts";
import type { FlowContext } from "./context.ts";
import { denialOf, isolatedEnd } from "./denial.ts";
import { dropReasonName, dropReasonText } from "./drop-reason.ts";
import { endpointOf, type OwnPart, ownPart } from "./flow-parts.ts";
import { Isolations } from "./isolations.ts";
import type { NearestRules } from "./nearest.ts";
import { deniedEnd, directionOf, type FlowRecord, hasDecided, isRedirected, ownEvent } from "./record.ts";
import { RequestRenderer } from "./request-renderer.ts";
import { FlowTemplates } from "./flow-templates.ts";
import { RuleWords } from "./rule-words.ts";
import { sourceFileName } from "./source-file.ts";
import { connectionOf, subType, traceOf } from "./trace.ts";

/** Turns kept events into flows. Rules are named as they are known now; a reference never changes its meaning. */
export class FlowRenderer {
  readonly #context: FlowContext;
  readonly #nearest: NearestRules;
  readonly #words: RuleWords;
  readonly #isolations: Isolations;
  readonly #requests: RequestRenderer;
  readonly #uuidPrefix: string;
  readonly #templates = new FlowTemplates();

  constructor(context: FlowContext, nearest: NearestRules) {
    this.#context = context;
    this.#nearest = nearest;
    this.#words = new RuleWords(context);
    this.#isolations = new Isolations(context);
    this.#requests = new RequestRenderer(context.nodeName, nearest);
    // One random half for each run of the agent, and the sequence number.
    this.#uuidPrefix = crypto.randomUUID().slice(0, 13);
  }

  render(kept: FlowRecord): Flow {
    if (kept.request) return this.#requests.render(kept, kept.request, this.uuid(kept));
    const record = ownRecord(kept);
    const { weir, ...common } = this.#commonOf(record);
    return { ...ownPart(record, this.uuid(record)), ...common, weir: { ...weir, ...this.#ownReasons(record) } };
  }

  /** As {@link render}, written as JSON: of what many flows have in common the text is kept. */
  write(record: FlowRecord): Written {
    if (record.request) return new Written(JSON.stringify(this.render(record)));
    const template = this.#templates.get(record, () => templateOf(this.#commonOf(ownRecord(record))));
    const own = JSON.stringify(ownPart(record, this.uuid(record)));
    const reasons = JSON.stringify(this.#ownReasons(record));
    const rest = reasons === "{}" ? "" : `,${reasons.slice(1, -1)}`;
    return new Written(`${own.slice(0, -1)},${template}${rest}}}`);
  }

  /** What a flow says that says the same of every packet of its kind between the same ends. */
  #commonOf(record: FlowRecord): CommonPart {
    const { event, source, destination } = record;
    const dropped = event.reason !== DropReason.NONE;
    const denied = deniedEnd(event);
    const isolated = isolatedEnd(record);
    const rules = this.#rulesOf(event);
    const byRule = isRedirected(event) ? "allowed by rule if its requests are" : "allowed by rule";
    const allowed = rules.length > 0 ? byRule : "no policy applies";
    return {
      ...(dropped ? { drop_reason: event.reason, drop_reason_desc: dropReasonName(event.reason) } : {}),
      source: endpointOf(source),
      destination: endpointOf(destination),
      Type: "L3_L4",
      node_name: this.#context.nodeName,
      ...(source.names ? { source_names: source.names } : {}),
      ...(destination.names ? { destination_names: destination.names } : {}),
      ...(source.service ? { source_service: source.service } : {}),
      ...(destination.service ? { destination_service: destination.service } : {}),
      event_type: { type: event.type, sub_type: subType(event) },
      traffic_direction: directionOf(event) === "egress" ? "EGRESS" : "INGRESS",
      ...(event.type === EventType.VERDICT ? { policy_match_type: matchOf(event) } : {}),
      ...(event.type === EventType.TRACE ? traceOf(event) : {}),
      is_reply: event.isReply !== 0,
      ...(event.ifindex === 0 ? {} : { interface: this.#interfaceOf(event.ifindex) }),
      ...(event.line === 0 ? {} : { file: { name: sourceFileName(event.file), line: event.line } }),
      ...this.#policiesOf(event),
      weir: {
        rules,
        generation: event.generation.toString(),
        reason: dropped ? dropReasonText(event.reason) : allowed,
        ...(denied ? { denied } : {}),
        ...(isolated ? this.#isolations.of(isolated) : {}),
      },
    };
  }

  #interfaceOf(index: number): NonNullable<Flow["interface"]> {
    const name = this.#context.interfaceName(index);
    return name === undefined ? { index } : { index, name };
  }

  /** The reasons of this packet alone. */
  #ownReasons(record: FlowRecord): Pick<Flow["weir"], "nearest" | "staged" | "connection"> {
    const { event, staged } = record;
    if (event.type === EventType.TRACE) return { connection: connectionOf(event) };
    const denial = denialOf(record);
    const nearest = denial && this.#nearest.find(denial);
    return { ...(nearest === undefined ? {} : { nearest }), ...(staged.length > 0 ? { staged } : {}) };
  }

  /** Those of the ends whose policy decided. No rule speaks for both directions, so none is named twice. */
  #rulesOf(event: EventRecord): Flow["weir"]["rules"] {
    const {
      end: [from, to],
      generation,
    } = event;
    const egress = hasDecided(event, from) ? this.#words.of(from, generation).rules : [];
    const ingress = hasDecided(event, to) ? this.#words.of(to, generation).rules : [];
    if (egress.length === 0) return ingress;
    return ingress.length === 0 ? egress : [...egress, ...ingress];
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

/** What packets of a kind between the same ends have in common. */
type CommonPart = Omit<Flow, keyof OwnPart>;

/** Its JSON without the brace before, and without those of `weir`, its last, and its own behind. */
function templateOf({ weir, ...common }: CommonPart): string {
  return JSON.stringify({ ...common, weir }).slice(1, -2);
}

function ownRecord(record: FlowRecord): FlowRecord {
  return { ...record, event: ownEvent(record.event) };
}

/** Of the end that `traffic_direction` names. */
function matchOf(event: EventRecord): number {
  return event.end[directionOf(event) === "egress" ? ConnectionEnd.END_SOURCE : ConnectionEnd.END_DESTINATION].match;
}
