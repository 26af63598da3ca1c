import { DropReason } from "#agent/datapath/layouts.gen.ts";
import { addressText } from "./address-text.ts";
import type { Denial, IsolatedEnd } from "./context.ts";
import { connectionPort, policyProtocol } from "./layer4.ts";
import { deniedEnd, type FlowRecord } from "./record.ts";

/** The end without a rule for what was denied, when no rule made the denial; undefined for any other flow. */
export function isolatedEnd({ event, source, destination }: FlowRecord): IsolatedEnd | undefined {
  const direction = deniedEnd(event);
  if (event.reason !== DropReason.POLICY_DENIED || direction === undefined) return undefined;
  // The ends of a flow are the packet's: of a reply the connection's source is where it goes.
  const isSender = (direction === "egress") === (event.isReply === 0);
  return { direction, party: isSender ? source : destination, generation: event.generation };
}

/** The denial that a flow tells of, when no rule made it; undefined for any other flow. */
export function denialOf({ event, source, destination }: FlowRecord): Denial | undefined {
  const direction = deniedEnd(event);
  const protocol = policyProtocol(event);
  if (event.reason !== DropReason.POLICY_DENIED || direction === undefined || protocol === undefined) return undefined;
  const sent = { party: source, address: addressText(event.family, event.source.bytes) };
  const received = { party: destination, address: addressText(event.family, event.destination.bytes) };
  // Policy judges a connection by its first packet, which went the other way.
  const [from, to] = event.isReply ? [received, sent] : [sent, received];
  return {
    direction,
    source: from.party,
    destination: to.party,
    sourceAddress: from.address,
    destinationAddress: to.address,
    protocol,
    port: connectionPort(event),
    generation: event.generation,
  };
}
