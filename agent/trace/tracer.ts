import { ApiError } from "#agent/api/errors.ts";
import type { Trace, TraceRequest, TraceStage, TraceStep } from "#agent/api/trace-views.ts";
import type { EndpointState } from "#agent/datapath/kernel.ts";
import type { Lookups } from "#agent/datapath/kernel-lookups.ts";
import type { ProgramName } from "#agent/datapath/kernel-rehearsal.ts";
import type { Tuple } from "#agent/datapath/tuple.ts";
import { buildFrame, forwardFrame, readFrame, type Segment, TcpFlagBit } from "#agent/net/frame.ts";
import { answer } from "./answer.ts";
import { judge, remembering } from "./judgement.ts";
import { ProgramRun, type RunResult } from "./program-run.ts";
import { TO_PROXY } from "./to-proxy.ts";
import type { Device, TraceWorld } from "./world.ts";

/** Ports that the kernel gives to whoever asks for none (Documentation/networking/ip-sysctl.rst). */
const ephemeral = { first: 32_768, count: 28_232 };

/** Of a device without one, and of routers whose address nobody asks. */
const NO_MAC = "00:00:00:00:00:00";

/** How often a trace begins anew when policy changes while it is made. */
const attempts = 3;

/** Where a packet stands between programs: in the node's stack, having come by a device, or from the node itself (0). */
interface InStack {
  readonly frame: Uint8Array;
  readonly ingressIfindex: number;
}

/**
 * Sends a packet through the programs that it would meet, from whoever sends it to where it ends, and tells of each look-up on the way.
 *
 * @throws ApiError `not-found`, `bad-request`, and `busy` when policy does not stand still.
 */
export async function trace(world: TraceWorld, request: TraceRequest): Promise<Trace> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const tracer = new Tracer(world, request);
    const before = tracer.revision();
    const result = await tracer.run();
    if (tracer.revision() === before) return result;
  }
  const obstacle = "policy, or who is behind the addresses, changed meanwhile, again and again";
  throw new ApiError("busy", { asked: "trace a packet", obstacle, remedy: "try again" });
}

class Tracer {
  readonly #world: TraceWorld;
  readonly #lookups: Lookups;
  readonly #request: TraceRequest;
  readonly #source: string;
  readonly #destination: string;
  readonly #sourcePort: number;
  readonly #pods: readonly EndpointState[];
  readonly #results: (RunResult | TraceStep)[] = [];

  constructor(world: TraceWorld, request: TraceRequest) {
    this.#world = world;
    this.#lookups = remembering(world.kernel.lookups);
    this.#request = request;
    ({ source: this.#source, destination: this.#destination } = world.addresses(request));
    this.#pods = [...world.kernel.endpoints.read().values()].filter((one) => one.nodeAddresses === undefined);
    this.#sourcePort = request.sourcePort ?? this.#unusedPort();
  }

  /** Another number: what is looked up may be found otherwise. */
  revision(): bigint {
    return this.#lookups.revision(this.#tuple(this.#sourcePort));
  }

  async run(): Promise<Trace> {
    const tuple = this.#tuple(this.#sourcePort);
    const { limits, endpoints } = judge(
      this.#lookups,
      this.#world.flows,
      tuple,
      this.#icmpType,
      this.#world.kernel.now(),
    );
    using rehearsal = this.#world.kernel.rehearse({ packet: tuple, limits, endpoints });
    const run = new ProgramRun(this.#world, this.#lookups, rehearsal, this.#icmpType);
    const first = this.#frame();
    const outcome = await this.#go(run, first);
    return answer({
      world: this.#world,
      request: { ...this.#request, source: this.#source, destination: this.#destination },
      tuple,
      frame: first,
      results: this.#results,
      outcome,
    });
  }

  /** From the sender on; says what became of the packet. */
  async #go(run: ProgramRun, frame: Uint8Array): Promise<string> {
    const sender = this.#podAt(this.#source);
    if (sender) {
      const program = sender.chained ? "chained_egress" : "pod_egress";
      const result = await this.#at(run, program, sender.ifindex, 0, frame);
      if (result.step.outcome === "drop") return `dropped by ${program} at ${result.step.interface}`;
      if (run.isProxied(this.#tuple(this.#sourcePort))) return TO_PROXY;
      const receiver = this.#podAt(this.#destination);
      if (result.step.outcome === "redirect" && receiver) return `delivered to ${this.#name(receiver)}`;
      return this.#inStack(run, { frame: result.frame, ingressIfindex: sender.ifindex });
    }
    if (this.#world.isOwn(this.#source)) return this.#inStack(run, { frame, ingressIfindex: 0 });
    return this.#fromOutside(run, frame);
  }

  /** By the device that the node itself would reach the sender by. */
  async #fromOutside(run: ProgramRun, frame: Uint8Array): Promise<string> {
    const { device, says } = this.#world.route(this.#source, null);
    this.#stack([{ stage: "route", says: `comes in where answers would go: ${says}`, entries: [] }], device);
    if (!device) return `cannot come in: ${says}`;
    let arriving = frame;
    for (const program of ["xdp_prefilter", "from_netdev"] as const) {
      if (!run.isAttached(program, device.name)) continue;
      const result = await this.#at(run, program, device.ifindex, device.ifindex, arriving);
      if (result.step.outcome === "drop") return `dropped by ${program} at ${device.name}`;
      arriving = result.frame;
    }
    return this.#inStack(run, { frame: arriving, ingressIfindex: device.ifindex });
  }

  async #inStack(run: ProgramRun, { frame, ingressIfindex }: InStack): Promise<string> {
    const { source, destination } = readFrame(frame);
    const receiver = this.#podAt(destination);
    if (receiver) {
      const program = receiver.chained ? "chained_ingress" : "pod_ingress";
      const by = receiver.chained ? "its network plugin's bridge or route" : "the node's stack";
      const device = this.#world.device(receiver.ifindex);
      this.#stack([{ stage: "route", says: `to ${this.#name(receiver)} by ${by}`, entries: [] }], device);
      const next = this.#forward(frame, receiver.hostMac, receiver.mac, ingressIfindex);
      if (!next) return "dropped by the node's stack: its hops are used up";
      const { step } = await this.#at(run, program, receiver.ifindex, ingressIfindex, next);
      if (step.outcome === "drop") return `dropped by ${program} at ${step.interface}`;
      return run.isProxied(this.#tuple(this.#sourcePort)) ? TO_PROXY : `delivered to ${this.#name(receiver)}`;
    }
    if (this.#world.isOwn(destination)) {
      this.#stack([{ stage: "route", says: `${destination} is the node's own address`, entries: [] }], null);
      return "delivered to the node itself";
    }
    const from = ingressIfindex === 0 ? null : { source, ifindex: ingressIfindex };
    const { device, says } = this.#world.route(destination, from);
    this.#stack([{ stage: "route", says, entries: [] }], device);
    if (!device) return `dropped by the node's stack: ${says}`;
    const next = this.#forward(frame, device.mac ?? NO_MAC, NO_MAC, ingressIfindex);
    if (!next) return "dropped by the node's stack: its hops are used up";
    if (!run.isAttached("to_netdev", device.name)) return `leaves by ${device.name}, which has no program of ours`;
    const result = await this.#at(run, "to_netdev", device.ifindex, ingressIfindex, next);
    if (result.step.outcome === "drop") return `dropped by to_netdev at ${device.name}`;
    const left = readFrame(result.frame);
    const under = left.source === source && left.sourcePort === readFrame(next).sourcePort;
    return `leaves by ${device.name}${under ? "" : ` as ${joinHostPort(left.source, left.sourcePort)}`}`;
  }

  async #at(
    run: ProgramRun,
    program: ProgramName,
    ifindex: number,
    ingressIfindex: number,
    frame: Uint8Array,
  ): Promise<RunResult> {
    const result = await run.at(program, { ifindex, ingressIfindex }, frame);
    this.#results.push(result);
    return result;
  }

  #stack(stages: readonly TraceStage[], device: Device | null): void {
    const { name = null, ifindex = null } = device ?? {};
    this.#results.push({ program: null, interface: name, ifindex, outcome: "next", stages, flows: [] });
  }

  /** The node's own packets have not come by a router yet. */
  #forward(frame: Uint8Array, sourceMac: string, destinationMac: string, ingressIfindex: number): Uint8Array | null {
    if (ingressIfindex !== 0) return forwardFrame(frame, sourceMac, destinationMac);
    return buildFrame({ ...this.#ends, sourceMac, destinationMac, segment: this.#segment });
  }

  #podAt(address: string): EndpointState | undefined {
    return this.#pods.find(({ ipv4, ipv6 }) => ipv4 === address || ipv6 === address);
  }

  #name(pod: EndpointState): string {
    const device = this.#world.device(pod.ifindex);
    const { namespace, pod: name } = this.#world.flows.party({
      endpoint: pod.id,
      identity: pod.identity[0],
      address: "",
    });
    return `pod ${namespace}/${name} by ${device?.name ?? `interface ${pod.ifindex}`}`;
  }

  get #ends(): { source: string; destination: string } {
    return { source: this.#source, destination: this.#destination };
  }

  get #isIpv6(): boolean {
    return this.#source.includes(":");
  }

  /** Of an echo request. */
  get #icmpType(): number {
    return this.#isIpv6 ? 128 : 8;
  }

  get #segment(): Segment {
    const { protocol, port: destinationPort, flags = ["SYN"] } = this.#request;
    const sourcePort = this.#sourcePort;
    switch (protocol) {
      case "TCP":
        return {
          protocol,
          sourcePort,
          destinationPort,
          flags: flags.reduce((bits, flag) => bits | TcpFlagBit[flag], 0),
        };
      case "UDP":
      case "SCTP":
        return { protocol, sourcePort, destinationPort };
      case "ICMP":
        return { protocol: this.#isIpv6 ? "ICMPv6" : "ICMP", type: this.#icmpType, identifier: sourcePort };
    }
  }

  #frame(): Uint8Array {
    const sender = this.#podAt(this.#source);
    const [sourceMac, destinationMac] = sender ? [sender.mac, sender.hostMac] : [NO_MAC, NO_MAC];
    return buildFrame({ ...this.#ends, sourceMac, destinationMac, segment: this.#segment });
  }

  #tuple(sourcePort: number): Tuple {
    const { protocol, port } = this.#request;
    const number = { TCP: 6, UDP: 17, SCTP: 132, ICMP: this.#isIpv6 ? 58 : 1 }[protocol];
    const destinationPort = protocol === "ICMP" ? sourcePort : port;
    return { ...this.#ends, family: this.#isIpv6 ? 6 : 4, sourcePort, destinationPort, protocol: number };
  }

  /** One by which the node knows no connection, so that the packet is the first of a new one. */
  #unusedPort(): number {
    const begin = Math.floor(Math.random() * ephemeral.count);
    for (let i = 0; i < ephemeral.count; i++) {
      const port = ephemeral.first + ((begin + i) % ephemeral.count);
      if (!this.#lookups.connection(this.#tuple(port))) return port;
    }
    const obstacle = `${this.#source} has a connection to ${this.#destination} by every port`;
    throw new ApiError("busy", { asked: "trace a packet", obstacle, remedy: "name a source port" });
  }
}

export function joinHostPort(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
