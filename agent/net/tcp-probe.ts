import { buildFrame, TcpFlagBit } from "./frame.ts";

/** One way of a connection. Ports in host order. */
export interface ProbeTarget {
  readonly sourceMac: string;
  readonly destinationMac: string;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/**
 * A TCP segment without data that no window takes (but one in thousands, to which the answer is the same): whoever
 * has the connection answers it with an acknowledgement of what it really has (RFC 9293 sections 3.8.4 and 3.10.7.4).
 */
export function tcpProbe({ sourcePort, destinationPort, ...link }: ProbeTarget): Uint8Array {
  return buildFrame({ ...link, segment: { protocol: "TCP", sourcePort, destinationPort, flags: TcpFlagBit.ACK } });
}
