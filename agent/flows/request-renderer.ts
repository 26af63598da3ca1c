import type { Flow } from "#agent/api/flow.ts";
import type { Denial } from "./context.ts";
import { denialOf } from "./denial.ts";
import { dropReasonName } from "./drop-reason.ts";
import { endpointOf, ownPart } from "./flow-parts.ts";
import { layer7, ownLayer7 } from "./layer7.ts";
import type { NearestRules } from "./nearest.ts";
import { deniedEnd, type Direction, directionOf, type FlowRecord } from "./record.ts";
import type { KeptRequest } from "./request.ts";
import { ruleDirection } from "./request-event.ts";
import { policiesOf } from "./rule-words.ts";

/** Turns kept requests into flows of type L7. */
export class RequestRenderer {
  readonly #nodeName: string;
  readonly #nearest: NearestRules;

  constructor(nodeName: string, nearest: NearestRules) {
    this.#nodeName = nodeName;
    this.#nearest = nearest;
  }

  render(record: FlowRecord, request: KeptRequest, uuid: string): Flow {
    const { event, source, destination } = record;
    const denied = deniedEnd(event);
    const refusal = denied && this.#refusal(request, denialOf(record));
    const isReply = event.isReply !== 0;
    const revision = event.generation.toString();
    return {
      ...ownPart(record, uuid),
      ...(denied ? { drop_reason: event.reason, drop_reason_desc: dropReasonName(event.reason) } : {}),
      source: endpointOf(source),
      destination: endpointOf(destination),
      Type: "L7",
      node_name: this.#nodeName,
      ...(source.names ? { source_names: source.names } : {}),
      ...(destination.names ? { destination_names: destination.names } : {}),
      ...(source.service ? { source_service: source.service } : {}),
      ...(destination.service ? { destination_service: destination.service } : {}),
      event_type: { type: event.type, sub_type: 0 },
      traffic_direction: directionOf(event) === "egress" ? "EGRESS" : "INGRESS",
      l7: layer7(request, isReply),
      is_reply: isReply,
      ...policiesOfRequest(denied ? (refusal?.asked ?? []) : request.rules, denied, revision),
      weir: {
        rules: request.rules,
        generation: revision,
        reason: reasonOf(request),
        ...(denied ? { denied } : {}),
        ...(refusal ? { nearest: refusal.nearest } : {}),
        ...ownLayer7(request),
      },
    };
  }

  #refusal(request: KeptRequest, denial: Denial | undefined): ReturnType<NearestRules["refusal"]> {
    return denial && this.#nearest.refusal(request, denial);
  }
}

/** The policies whose rules allowed a request, or were asked at the end that denied it. */
function policiesOfRequest(
  rules: Flow["weir"]["rules"],
  denied: Direction | undefined,
  revision: string,
): Partial<Flow> {
  const of = (direction: Direction) => {
    const own = rules.filter(({ rule }) => ruleDirection(rule) === direction);
    return policiesOf(own, revision);
  };
  const flow: Partial<Flow> = {};
  const [egress, ingress] = [of("egress"), of("ingress")];
  if (egress.length > 0) flow[denied === "egress" ? "egress_denied_by" : "egress_allowed_by"] = egress;
  if (ingress.length > 0) flow[denied === "ingress" ? "ingress_denied_by" : "ingress_allowed_by"] = ingress;
  return flow;
}

function reasonOf({ verdict, rules }: KeptRequest): string {
  if (verdict === "DROPPED") return "no rule allows the request";
  if (verdict === "ERROR") return "the request could not be understood or delivered";
  return rules.length > 0 ? "allowed by rule" : "no rule looks at requests";
}
