import type { Flow } from "#policy/model/flow.ts";
import type { Transport } from "./packet.ts";

/** What the first packet of a connection says above IP: a SYN, a datagram, an echo request. */
export function firstTransport({ protocol, port }: Flow, sport: number): Transport {
  switch (protocol) {
    case "TCP":
      return { kind: "tcp", sport, dport: port, flags: ["SYN"] };
    case "UDP":
      return { kind: "udp", sport, dport: port };
    case "SCTP":
      return { kind: "sctp", sport, dport: port };
    case "ICMP":
      return { kind: "icmp", type: 8, id: sport };
    case "ICMPv6":
      return { kind: "icmp", type: 128, id: sport };
    default:
      throw new Error(`no packet of ${protocol} is made here`);
  }
}
