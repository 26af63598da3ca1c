import type { Flow, FlowEndpoint } from "#agent/api/flow.ts";
import { AddressFamily, type EventRecord } from "#agent/datapath/layouts.gen.ts";
import { formatTime } from "#agent/runtime/clock.ts";
import { addressText } from "./address-text.ts";
import type { FlowParty } from "./context.ts";
import { layer4 } from "./layer4.ts";
import { type FlowRecord, flowVerdict } from "./record.ts";

/** What differs from packet to packet. */
export type OwnPart = Pick<Flow, "time" | "uuid" | "verdict" | "IP" | "l4">;

export function ownPart(record: FlowRecord, uuid: string): OwnPart {
  const { event } = record;
  const l4 = layer4(event);
  return {
    time: formatTime(record.time),
    uuid,
    verdict: flowVerdict(record),
    ...(event.family === AddressFamily.NONE ? {} : { IP: ipOf(event) }),
    ...(l4 ? { l4 } : {}),
  };
}

function ipOf({ family, source, destination }: EventRecord): NonNullable<Flow["IP"]> {
  return {
    source: addressText(family, source.bytes),
    destination: addressText(family, destination.bytes),
    ipVersion: family === AddressFamily.IPV6 ? "IPv6" : "IPv4",
  };
}

/** An end, by its names. */
export function endpointOf({ endpoint, identity, labels, namespace, pod, workload }: FlowParty): FlowEndpoint {
  return {
    ...(endpoint === 0 ? {} : { ID: endpoint }),
    identity,
    ...(namespace === null ? {} : { namespace }),
    labels,
    ...(pod === null ? {} : { pod_name: pod }),
    ...(workload ? { workloads: [workload] } : {}),
  };
}
