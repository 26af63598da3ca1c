import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { BpfMap, MapHandle, Program, RingBuffer, type TestContext, u32 } from "libbpf-ts";
import { encodeAddress, encodeMac } from "#agent/datapath/address.ts";
import type { Kernel } from "#agent/datapath/kernel.ts";
import {
  type DatapathConfig,
  type EndpointEntry,
  EndpointFlag,
  eventRecord,
  type EventRecord,
  interfaceRecord,
  type InterfaceRecord,
  proxyState,
} from "#agent/datapath/layouts.gen.ts";
import { defaultConfig, openKernel } from "#agent/datapath/open-kernel.ts";
import type { GuardedEndpoint } from "#agent/endpoint/guarded-endpoint.ts";
import { buildBpf } from "#bpf/build.ts";
import { BpfFileSystem } from "./bpf-file-system.ts";
import { buildPacket, type PacketSpec } from "./packet.ts";

/** tc actions that the programs return. */
export const Action = { next: -1, drop: 2, redirect: 7 } as const;

const programNames = [
  "pod_egress",
  "pod_ingress",
  "chained_egress",
  "chained_ingress",
  "from_netdev",
  "to_netdev",
  "xdp_prefilter",
] as const;
export type ProgramName = (typeof programNames)[number];

/** Index of the device of test runs, one that is there; nothing is attached to it. */
export const loopback = 1;

export interface Outcome {
  readonly action: number;
  readonly events: readonly EventRecord[];
  readonly packet: Uint8Array;
  readonly mark: number;
  readonly duration: number;
}

export interface DatapathOptions {
  readonly policyEntries?: number;
  readonly endpointsMax?: number;
  readonly ipcacheEntries?: number;
  readonly fragmentEntries?: number;
  readonly prefilterEntries?: number;
  readonly rulesMax?: number;
  readonly conntrackEntries?: number;
  /** Other programs than those of the tree. */
  readonly objectFolder?: string;
  readonly natEntries?: number;
  readonly config?: Partial<DatapathConfig>;
}

/** The real programs and maps, loaded for one test and attached to nothing. */
export class Datapath implements Disposable {
  readonly kernel: Kernel;
  readonly #files = new BpfFileSystem();
  readonly #stack = new DisposableStack();
  readonly #programs: Readonly<Record<ProgramName, Program>>;
  readonly #interfaces: BpfMap<number, InterfaceRecord>;
  readonly #ring: RingBuffer;

  constructor(options: DatapathOptions = {}) {
    using failed = new DisposableStack();
    failed.use(this.#stack);
    buildBpf();
    this.#stack.use(this.#files);
    this.kernel = this.#stack.use(this.reopen(options));
    const [hash = ""] = readdirSync(this.#files.join("weir", "programs"));
    const program = (name: string): Program =>
      this.#stack.use(Program.openPinned(this.#files.join("weir", "programs", hash, name), name));
    this.#programs = Object.fromEntries(programNames.map((name) => [name, program(name)])) as Record<
      ProgramName,
      Program
    >;
    const map = (name: string): MapHandle => this.#stack.use(this.openMap(name));
    this.#interfaces = new BpfMap(map("interfaces"), u32, interfaceRecord);
    this.#ring = this.#stack.use(new RingBuffer(map("events")));
    failed.move();
  }

  /** The same maps, as a later life of an agent opens them. */
  reopen(options: DatapathOptions = {}): Kernel {
    return openKernel({
      objectFolder:
        options.objectFolder ?? process.env["WEIR_BPF_OBJECTS"] ?? resolve(import.meta.dirname, "../../dist/bpf"),
      pinFolder: this.#files.join("weir"),
      config: { ...defaultConfig, ...options.config },
      conntrack4Entries: options.conntrackEntries ?? 65536,
      conntrack6Entries: options.conntrackEntries ?? 65536,
      ipcacheEntries: options.ipcacheEntries ?? 512_000,
      fragmentEntries: options.fragmentEntries ?? 32_768,
      prefilterEntries: options.prefilterEntries ?? 1024,
      rulesMax: options.rulesMax ?? 65_536,
      nat4Entries: options.natEntries ?? 16384,
      nat6Entries: options.natEntries ?? 16384,
      policyEntries: options.policyEntries ?? 16384,
      endpointsMax: options.endpointsMax ?? 1024,
      interfaceIndex: () => null,
    });
  }

  get pinFolder(): string {
    return this.#files.join("weir");
  }

  /** A proxy says that it works, for ever, with ports on which nobody listens. */
  sayProxyWorks(): void {
    using handle = this.openMap("proxy");
    new BpfMap(handle, u32, proxyState).set(0, { alive: 2n ** 63n, ports: [9, 9, 9, 9] });
  }

  /** A pinned map; the caller closes it. */
  openMap(name: string): MapHandle {
    return MapHandle.openPinned(this.#files.join("weir", "maps", name));
  }

  program(name: ProgramName): Program {
    return this.#programs[name];
  }

  /** Runs a frame as if it left the pod. */
  send(from: GuardedEndpoint, frame: Uint8Array, context: TestContext = {}): Outcome {
    return this.#run(from.chained ? "chained_egress" : "pod_egress", from, frame, context);
  }

  /** Runs a frame as if the host's stack sent it to the pod. */
  receive(to: GuardedEndpoint, frame: Uint8Array, context: TestContext = {}): Outcome {
    return this.#run(to.chained ? "chained_ingress" : "pod_ingress", to, frame, context);
  }

  /** Runs a frame as if it came in by a device of the node. */
  arrive(frame: Uint8Array): Outcome {
    return this.#runAt("from_netdev", frame, { ingressIfindex: loopback });
  }

  /** Runs a frame as if it left by a device of the node, whose own packet it is unless `ingressIfindex` says otherwise. */
  leave(frame: Uint8Array, context: TestContext = {}): Outcome {
    return this.#runAt("to_netdev", frame, context);
  }

  /** A packet from a pod's own addresses to its gateway's MAC. */
  packet(from: GuardedEndpoint, spec: Omit<PacketSpec, "sourceMac" | "destinationMac">): Uint8Array {
    return buildPacket({ sourceMac: from.mac, destinationMac: from.hostMac, ...spec });
  }

  /** Puts an endpoint on the device of the test runs. */
  place(endpoint: GuardedEndpoint): void {
    const bytes = (address: string | null) => ({
      bytes: address === null ? new Uint8Array(16) : encodeAddress(address).bytes,
    });
    const state = this.kernel.endpoints.read().get(endpoint.id);
    const entry: EndpointEntry = {
      ifindex: loopback,
      id: endpoint.id,
      incarnation: endpoint.incarnation,
      address: bytes(null),
      family: 0,
      identity: [endpoint.identity, endpoint.identity],
      policy: [state?.policy[0] ?? 0, state?.policy[1] ?? 0],
      flags:
        (endpoint.viaStack ? EndpointFlag.VIA_STACK : 0) |
        (endpoint.bandwidth ? EndpointFlag.BANDWIDTH : 0) |
        (endpoint.chained ? EndpointFlag.CHAINED : 0),
      mac: encodeMac(endpoint.mac),
      hostMac: encodeMac(endpoint.hostMac),
    };
    const { ipv4, ipv6, chained } = endpoint;
    this.#interfaces.set(loopback, {
      endpoint: entry,
      ipv4: bytes(ipv4),
      ipv6: bytes(ipv6),
      bridge: chained?.bridge ?? 0,
    });
  }

  /** Takes the events so far. */
  events(): EventRecord[] {
    return this.#ring.drain((view, offset) => eventRecord.decode(view, offset));
  }

  #run(name: ProgramName, at: GuardedEndpoint, data: Uint8Array, context: TestContext): Outcome {
    this.place(at);
    const outcome = this.#runAt(name, data, context);
    this.#interfaces.delete(loopback);
    return outcome;
  }

  #runAt(name: ProgramName, data: Uint8Array, context: TestContext): Outcome {
    this.events();
    const result = this.#programs[name].testRun({ data, context: { ifindex: loopback, ...context } });
    return {
      action: result.returnValue,
      events: this.events(),
      packet: result.data,
      mark: result.mark,
      duration: result.duration,
    };
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}
