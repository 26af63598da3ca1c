import type { Flow } from "#agent/api/flow.ts";
import type { EventRecord } from "#agent/datapath/layouts.gen.ts";
import { type FlowProtocol, protocolNumbers } from "#policy/model/protocol.ts";

/** Names as flows have them. */
export type Layer4Name = "TCP" | "UDP" | "SCTP" | "ICMPv4" | "ICMPv6";

const byNumber: Readonly<Record<number, Layer4Name>> = { 1: "ICMPv4", 6: "TCP", 17: "UDP", 58: "ICMPv6", 132: "SCTP" };

const flagNames = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"] as const;

/** The event's protocol; undefined for one that flows have no field for. */
export function layer4Name({ protocol }: EventRecord): Layer4Name | undefined {
  return byNumber[protocol];
}

const policyNames = new Map(Object.entries(protocolNumbers).map(([name, number]) => [number, name as FlowProtocol]));

/** The protocol by the name that policy gives it; undefined where no policy can name it. */
export function policyProtocol({ protocol }: EventRecord): FlowProtocol | undefined {
  return policyNames.get(protocol);
}

/** What echo replies answer, by protocol and type. */
const requests: Readonly<Record<string, number>> = { "ICMPv4 0": 8, "ICMPv6 129": 128 };

/** What policy was asked about: the connection's destination port, whose packet may be a reply; of ICMP the type. */
export function connectionPort(event: EventRecord): number {
  const name = layer4Name(event);
  if (name !== "ICMPv4" && name !== "ICMPv6") return event.isReply ? event.sourcePort : event.destinationPort;
  return (event.isReply ? requests[`${name} ${event.icmpType}`] : undefined) ?? event.icmpType;
}

/** The `l4` of a flow. */
export function layer4(event: EventRecord): NonNullable<Flow["l4"]> | undefined {
  const name = layer4Name(event);
  const ports = { source_port: event.sourcePort, destination_port: event.destinationPort };
  switch (name) {
    case undefined:
      return undefined;
    case "TCP":
      return { TCP: { ...ports, flags: tcpFlags(event.tcpFlags) } };
    case "UDP":
    case "SCTP":
      return { [name]: ports };
    case "ICMPv4":
    case "ICMPv6":
      return { [name]: { type: event.icmpType, code: event.icmpCode } };
  }
}

type TcpFlags = Partial<Record<(typeof flagNames)[number], true>>;

const allFlags: readonly TcpFlags[] = Array.from({ length: 256 }, (_, bits) =>
  Object.fromEntries(flagNames.filter((_, bit) => bits & (1 << bit)).map((name) => [name, true])),
);

/** The bits of some flags; of one that no flow has, a bit that is never set. */
export function flagBits(names: readonly string[]): number {
  const known: readonly string[] = flagNames;
  const bitOf = (name: string): number => (known.includes(name) ? 1 << known.indexOf(name) : 1 << 8);
  return names.reduce((bits, name) => bits | bitOf(name), 0);
}

/** Those that are set, by name. */
export function tcpFlags(bits: number): TcpFlags {
  return allFlags[bits] ?? {};
}
