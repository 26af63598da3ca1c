import type { Flow, FlowEndpoint, FlowPolicy } from "#agent/api/flow.ts";
import type { RuleDescription } from "#agent/api/policy-views.ts";
import {
  AddressFamily,
  ConnectionEnd,
  DropReason,
  EventType,
  type EventRecord,
  SourceFile,
  Verdict,
} from "#agent/datapath/layouts.gen.ts";
import { formatTime } from "#agent/runtime/clock.ts";
import { addressText } from "./address-text.ts";
import type { FlowContext, FlowParty } from "./context.ts";
import { dropReasonName, dropReasonText } from "./drop-reason.ts";
import { layer4, policyProtocol } from "./layer4.ts";
import type { NearestRules } from "./nearest.ts";
import { deniedEnd, directionOf, type FlowRecord } from "./record.ts";

/** Names of the datapath's source files, by `enum source_file`. */
const sourceNames = new Map<number, string>(
  Object.entries(SourceFile).map(([name, number]) => [number, `${name.toLowerCase()}.${name === "POD" ? "c" : "h"}`]),
);

/** Turns kept events into flows. Rules are named as they are known now; a reference never changes its meaning. */
export class FlowRenderer {
  readonly #context: FlowContext;
  readonly #nearest: NearestRules;
  readonly #uuidPrefix: string;

  constructor(context: FlowContext, nearest: NearestRules) {
    this.#context = context;
    this.#nearest = nearest;
    // One random half for each run of the agent, and the sequence number: the same flow has the same name to every reader.
    this.#uuidPrefix = crypto.randomUUID().slice(0, 13);
  }

  render(record: FlowRecord): Flow {
    const { event } = record;
    const dropped = event.reason !== DropReason.NONE;
    const l4 = layer4(event);
    return {
      time: formatTime(record.time),
      uuid: this.#uuid(record.sequence),
      verdict: dropped ? "DROPPED" : "FORWARDED",
      ...(dropped ? { drop_reason: event.reason, drop_reason_desc: dropReasonName(event.reason) } : {}),
      ...ipOf(event),
      ...(l4 ? { l4 } : {}),
      source: endpointOf(record.source),
      destination: endpointOf(record.destination),
      Type: "L3_L4",
      node_name: this.#context.nodeName,
      event_type: { type: event.type, sub_type: event.type === EventType.DROP ? event.reason : 0 },
      traffic_direction: directionOf(event) === "egress" ? "EGRESS" : "INGRESS",
      ...(event.type === EventType.VERDICT ? { policy_match_type: matchOf(event) } : {}),
      is_reply: event.isReply !== 0,
      ...(event.ifindex === 0 ? {} : { interface: { index: event.ifindex } }),
      ...(event.line === 0 ? {} : { file: { name: sourceNames.get(event.file) ?? "", line: event.line } }),
      ...this.#policiesOf(event),
      weir: this.#weirOf(record),
    };
  }

  #weirOf({ event, source, destination }: FlowRecord): Flow["weir"] {
    const denied = deniedEnd(event);
    const verdict = event.reason === DropReason.NONE ? Verdict.ALLOW : Verdict.DENY;
    const rules = unique(event.end.filter((end) => end.verdict === verdict).flatMap((end) => this.#rulesOf(end.rules)));
    const allowed = rules.length > 0 ? "allowed by rule" : "no policy applies";
    const weir = {
      rules: denied || event.reason === DropReason.NONE ? rules : [],
      generation: event.generation.toString(),
      reason: event.reason === DropReason.NONE ? allowed : dropReasonText(event.reason),
    };
    if (!denied) return weir;
    const protocol = policyProtocol(event);
    if (event.reason !== DropReason.POLICY_DENIED || protocol === undefined) return { ...weir, denied };
    const sourceAddress = addressText(event.family, event.source.bytes);
    const destinationAddress = addressText(event.family, event.destination.bytes);
    const isIcmp = protocol === "ICMP" || protocol === "ICMPv6";
    const original = { source, destination, sourceAddress, destinationAddress, port: event.destinationPort };
    const reversed = {
      source: destination,
      destination: source,
      sourceAddress: destinationAddress,
      destinationAddress: sourceAddress,
      port: event.sourcePort,
    };
    const nearest = this.#nearest.find({
      ...(event.isReply ? reversed : original),
      ...(isIcmp ? { port: event.icmpType } : {}),
      direction: denied,
      protocol,
      generation: event.generation,
    });
    return nearest === undefined ? { ...weir, denied } : { ...weir, nearest, denied };
  }

  #policiesOf(event: EventRecord): Partial<Flow> {
    const flow: Partial<Flow> = {};
    for (const [direction, index] of [
      ["egress", ConnectionEnd.END_SOURCE],
      ["ingress", ConnectionEnd.END_DESTINATION],
    ] as const) {
      const end = event.end[index];
      const policies = policiesOf(this.#rulesOf(end.rules), event.generation);
      if (policies.length === 0) continue;
      flow[`${direction}_${end.verdict === Verdict.DENY ? "denied" : "allowed"}_by`] = policies;
    }
    return flow;
  }

  #rulesOf(references: readonly number[]): RuleDescription[] {
    return references.flatMap((reference) => (reference === 0 ? [] : this.#context.rules(reference)));
  }

  #uuid(sequence: number): string {
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

function unique(rules: readonly RuleDescription[]): RuleDescription[] {
  return [...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values()];
}

/** The objects that the rules stand in, as Hubble names policies. */
function policiesOf(rules: readonly RuleDescription[], generation: bigint): FlowPolicy[] {
  const objects = new Map(rules.map((rule) => [`${rule.kind}/${rule.namespace}/${rule.name}`, rule]));
  return [...objects.values()].map(({ kind, namespace, name }) => ({
    name,
    ...(namespace === "" ? {} : { namespace }),
    labels: [
      `k8s:io.cilium.k8s.policy.derived-from=${kind}`,
      `k8s:io.cilium.k8s.policy.name=${name}`,
      ...(namespace === "" ? [] : [`k8s:io.cilium.k8s.policy.namespace=${namespace}`]),
    ],
    revision: generation.toString(),
    kind,
  }));
}
