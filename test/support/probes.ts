import type { Flow } from "#agent/api/flow.ts";
import { FlowLog, portsOf } from "#agent/local/flow-log.ts";
import type { LabNode } from "#agent/local/lab-node.ts";
import type { Outcome } from "#agent/local/traffic-protocol.ts";
import { until } from "#agent/local/until.ts";
import type { Protocol } from "#policy/model/protocol.ts";
import { PacketSocket } from "./packet-socket.ts";
import { buildPacket } from "./packet.ts";
import { echoRequest, macsOf } from "./ping.ts";
import { RawSocket } from "./raw-socket.ts";
import type { World } from "./reachability-world.ts";

/** One question of the matrix. */
export interface Probe {
  readonly from: string;
  readonly to: string;
  readonly family: 4 | 6;
  readonly protocol: Protocol | "ICMP";
  /** Of the destination; of an echo request 0. */
  readonly port: number;
}

/** `x/a y/b TCP/80 IPv4` */
export function probeText({ from, to, protocol, port, family }: Probe): string {
  return `${from} ${to} ${protocol}${protocol === "ICMP" ? "" : `/${port}`} IPv${family}`;
}

type Answer = "reached" | "dropped";

const ipProtocols = { ICMP: [1, 58], SCTP: [132, 132] } as const;
const [firstPort, lastPort] = [10_000, 60_000];

/**
 * Sends real packets between pods, all at once, and waits until each is accounted for: by its answer, or by the
 * agent's flow that tells of its drop. So nothing waits for silence. Of SCTP, which not every kernel has,
 * the packet's arrival counts for its answer.
 */
export class Prober implements AsyncDisposable {
  readonly #world: World;
  readonly #stack = new AsyncDisposableStack();
  readonly #wires = new Map<string, PacketSocket>();
  readonly #ears: { readonly protocol: "ICMP" | "SCTP"; readonly socket: RawSocket }[] = [];
  /** By what tells of a probe: the flow of its drop, an echo's number. */
  readonly #pending = new Map<string, (answer: Answer) => void>();
  #number = firstPort;

  constructor(node: LabNode, world: World) {
    this.#world = world;
    this.#stack.use(new FlowLog(node.client, (flow) => this.#hear(flow)));
    for (const [name, pod] of world) {
      this.#wires.set(name, this.#stack.use(PacketSocket.open(pod.namespace, pod.ifName, { protocol: 0 })));
      for (const protocol of ["ICMP", "SCTP"] as const) {
        for (const family of [4, 6] as const) {
          const number = ipProtocols[protocol][family === 4 ? 0 : 1];
          const socket = this.#stack.use(RawSocket.open(pod.namespace, family, number));
          this.#ears.push({ protocol, socket });
        }
      }
    }
  }

  /** Those probes whose packets reach their destination, and come back where something answers. */
  async reached(probes: readonly Probe[]): Promise<Probe[]> {
    const answers = new Map<Probe, Answer>();
    for (const probe of probes) this.#begin(probe, (answer) => answers.set(probe, answer));
    const missing = (): string =>
      probes
        .filter((probe) => !answers.has(probe))
        .map(probeText)
        .slice(0, 5)
        .join("; ");
    await until(
      "all probes to be answered or told as dropped",
      () => {
        this.#listen();
        if (answers.size < probes.length) throw new Error(`neither happened to ${missing()}`);
        return true;
      },
      { every: 5 },
    );
    return probes.filter((probe) => answers.get(probe) === "reached");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  #begin(probe: Probe, answered: (answer: Answer) => void): void {
    const [from, to] = [this.#pod(probe.from), this.#pod(probe.to)];
    const [source, destination] = probe.family === 4 ? [from.ipv4, to.ipv4] : [from.ipv6, to.ipv6];
    // Of each probe its own, so that nothing that comes late is taken for another's.
    this.#number = this.#number < lastPort ? this.#number + 1 : firstPort;
    const sourcePort = this.#number;
    const { protocol, port } = probe;
    const keys = [flowKey(protocol, source, protocol === "ICMP" ? 0 : sourcePort, destination)];
    if (protocol === "ICMP" || protocol === "SCTP") keys.push(earKey(protocol, sourcePort));
    const abandon = new AbortController();
    const settle = (answer: Answer): void => {
      for (const key of keys) this.#pending.delete(key);
      answered(answer);
      abandon.abort();
    };
    for (const key of keys) this.#pending.set(key, settle);
    if (protocol === "ICMP") {
      this.#wire(probe.from).send(echoRequest(from, destination, sourcePort));
    } else if (protocol === "SCTP") {
      const { own, host } = macsOf(from);
      const transport = { kind: "sctp", sport: sourcePort, dport: port } as const;
      this.#wire(probe.from).send(
        buildPacket({ sourceMac: own, destinationMac: host, source, destination, transport }),
      );
    } else {
      const attempt = from.traffic.attempt(
        { protocol, address: destination, port },
        { timeout: 60_000, sourcePort, signal: abandon.signal },
      );
      void whenAnswered(attempt, () => settle("reached"));
    }
  }

  /** A drop that the agent tells of. */
  #hear(flow: Flow): void {
    if (flow.verdict !== "DROPPED" || !flow.IP) return;
    const { source, destination } = flow.IP;
    const ports = portsOf(flow);
    const key = ports
      ? flowKey(ports.protocol, source, ports.source, destination)
      : flowKey("ICMP", source, 0, destination);
    this.#pending.get(key)?.("dropped");
  }

  /** Echo replies at those who asked, and SCTP at those for whom it is. */
  #listen(): void {
    for (const { protocol, socket } of this.#ears) {
      for (const payload of socket.receive()) {
        const view = new DataView(payload.buffer);
        const isReply = payload[0] === 0 || payload[0] === 129;
        if (protocol === "ICMP" && !isReply) continue;
        this.#pending.get(earKey(protocol, view.getUint16(protocol === "ICMP" ? 4 : 0)))?.("reached");
      }
    }
  }

  #pod(name: string) {
    const pod = this.#world.get(name);
    if (pod === undefined) throw new Error(`there is no pod ${name}`);
    return pod;
  }

  #wire(name: string): PacketSocket {
    const wire = this.#wires.get(name);
    if (wire === undefined) throw new Error(`there is no pod ${name}`);
    return wire;
  }
}

function flowKey(protocol: string, source: string, port: number, destination: string): string {
  return `${protocol} ${source} ${port} ${destination}`;
}

function earKey(protocol: string, number: number): string {
  return `${protocol} ${number}`;
}

async function whenAnswered(attempt: Promise<Outcome>, then: () => void): Promise<void> {
  if ((await attempt) === "answered") then();
}
