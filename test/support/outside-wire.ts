import { decodePacket } from "./decode-packet.ts";
import { addressText } from "./masquerading.ts";
import type { Outside } from "./outside.ts";
import { PacketSocket } from "./packet-socket.ts";

/** What comes and goes by the link of a machine outside. */
export class OutsideWire implements Disposable {
  readonly #outside: Outside;
  readonly #socket: PacketSocket;

  constructor(outside: Outside) {
    this.#outside = outside;
    this.#socket = PacketSocket.open(outside.namespace, "node");
  }

  /** Who has spoken to the machine since the last call, by addresses: neighbour discovery and the machine itself left out. */
  senders(): Set<string> {
    const own = new Set([this.#outside.ipv4, this.#outside.ipv6]);
    const frames = this.#socket.receive().flatMap((frame) => decodePacket(frame) ?? []);
    const isDiscovery = ({ protocol, payload }: (typeof frames)[number]): boolean =>
      protocol === 58 && (payload[0] ?? 0) >= 130 && (payload[0] ?? 0) <= 143;
    const senders = frames.filter((frame) => !isDiscovery(frame)).map(({ source }) => addressText(source));
    return new Set(senders.filter((sender) => !own.has(sender) && !sender.startsWith("fe80:") && sender !== "::"));
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}
