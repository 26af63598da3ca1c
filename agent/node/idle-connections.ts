import { setTimeout as rest } from "node:timers/promises";
import type { Connection, Kernel } from "#agent/datapath/kernel.ts";
import type { EndpointRecord } from "#agent/endpoint/record.ts";
import type { FrameSocket } from "#agent/net/frame-socket.ts";
import { tcpProbe } from "#agent/net/tcp-probe.ts";

/** Connections that are asked between two rests, and the rest in ms: so 25,600 a second at most. */
const stretch = 256;
const pause = 10;

/**
 * Asks pods whose TCP connections are idle to send something on them, so that the datapath judges these by the
 * policy in force now and resets those that it denies. A connection that it allows carries one acknowledgement more.
 */
export class IdleConnections {
  readonly #kernel: Pick<Kernel, "control" | "connections">;
  readonly #endpoints: () => readonly { readonly record: EndpointRecord }[];
  readonly #socket: Pick<FrameSocket, "send">;
  /** The policy generation that all have been asked about. */
  #asked: bigint | null = null;

  constructor(
    kernel: Pick<Kernel, "control" | "connections">,
    endpoints: () => readonly { readonly record: EndpointRecord }[],
    socket: Pick<FrameSocket, "send">,
  ) {
    this.#kernel = kernel;
    this.#endpoints = endpoints;
    this.#socket = socket;
  }

  /** Once for every policy generation. Lets others work meanwhile. */
  async ask(signal: AbortSignal): Promise<void> {
    const generation = this.#kernel.control.generation();
    if (generation === this.#asked) return;
    const pods = new Map(
      this.#endpoints()
        .filter(({ record }) => record.state === "ready")
        .flatMap(({ record }) => [record.ipv4, record.ipv6].map((address) => [address, record] as const)),
    );
    let asked = 0;
    for await (const connection of this.#kernel.connections.unjudged(generation)) {
      for (const isReply of [false, true]) {
        const [from, to] = isReply ? (["destination", "source"] as const) : (["source", "destination"] as const);
        const pod = pods.get(connection[to]);
        if (pod && isOf(connection, isReply, pod)) this.#probe(connection, from, to, pod);
      }
      if (++asked % stretch === 0) await rest(pause);
      if (signal.aborted) return;
    }
    this.#asked = generation;
  }

  #probe(
    connection: Connection,
    from: "source" | "destination",
    to: "source" | "destination",
    pod: EndpointRecord,
  ): void {
    if (pod.ifindex === null) return;
    const frame = tcpProbe({
      sourceMac: pod.hostMac,
      destinationMac: pod.mac,
      source: connection[from],
      destination: connection[to],
      sourcePort: connection[`${from}Port`],
      destinationPort: connection[`${to}Port`],
    });
    // A pod that leaves meanwhile needs to be told nothing.
    this.#socket.send(pod.ifindex, frame);
  }
}

/** Is that end of the connection this pod's, and not one's that had its address before? */
function isOf({ entry }: Connection, isSource: boolean, pod: EndpointRecord): boolean {
  return entry.end[isSource ? 0 : 1]?.incarnation === pod.incarnation;
}
