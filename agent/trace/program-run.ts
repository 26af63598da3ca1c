import type { Flow } from "#agent/api/flow.ts";
import type { TraceStage, TraceStep } from "#agent/api/trace-views.ts";
import { decodeMac } from "#agent/datapath/address.ts";
import type { AttachedProgram } from "#agent/datapath/kernel.ts";
import type { Lookups } from "#agent/datapath/kernel-lookups.ts";
import type { PacketPlace, ProgramName, Rehearsal, RehearsedRun } from "#agent/datapath/kernel-rehearsal.ts";
import {
  ConnectionFlag,
  type ConntrackEntry,
  ConnectionProxied,
  type CounterKey,
  EndpointFlag,
  type EventRecord,
  EventType,
} from "#agent/datapath/layouts.gen.ts";
import { sourceIsHigh, type Tuple } from "#agent/datapath/tuple.ts";
import { dropReasonName, dropReasonText } from "#agent/flows/drop-reason.ts";
import { EventRenderer } from "#agent/flows/event-renderer.ts";
import { sourceFileName } from "#agent/flows/source-file.ts";
import { readFrame } from "#agent/net/frame.ts";
import { connectionView, endpointView, interfaceView, mappingView } from "./entries.ts";
import { judge, type Judgement, rulesOf } from "./judgement.ts";
import type { TraceWorld } from "./world.ts";

/** What tc's programs return: `enum` of `linux/pkt_cls.h`, and XDP's actions. */
const TC_ACT_SHOT = 2;
const TC_ACT_REDIRECT = 7;
const XDP_DROP = 1;

/** What a program made of the packet. */
export interface RunResult {
  readonly step: TraceStep;
  readonly frame: Uint8Array;
  readonly events: readonly EventRecord[];
  readonly drop: CounterKey | undefined;
  /** The connection whose kept verdict let the packet pass, where one did. */
  readonly kept: ConntrackEntry | undefined;
  /** Whether the packet passes without the proxy, which does not work, because the rules that ask for it let it. */
  readonly isOpen: boolean;
  readonly differences: readonly string[];
}

const egress = ["pod_egress", "chained_egress"];
const ofPods = [...egress, "pod_ingress", "chained_ingress"];
const ingressHooks = ["pod_egress", "chained_egress", "from_netdev"];

/** Runs programs, one after the other, and tells of the look-ups that each made. */
export class ProgramRun {
  readonly #world: TraceWorld;
  readonly #lookups: Lookups;
  readonly #rehearsal: Rehearsal;
  readonly #icmpType: number;
  readonly #places: readonly AttachedProgram[];
  readonly #renderer: EventRenderer;

  constructor(world: TraceWorld, lookups: Lookups, rehearsal: Rehearsal, icmpType: number) {
    this.#world = world;
    this.#lookups = lookups;
    this.#rehearsal = rehearsal;
    this.#icmpType = icmpType;
    this.#places = world.kernel.places();
    this.#renderer = new EventRenderer(world.flows);
  }

  isAttached(program: ProgramName, device: string): boolean {
    return this.#attached(program, device) !== undefined;
  }

  /** Whether the proxy stands between the ends of a packet's connection, as far as programs have said. */
  isProxied(packet: Tuple): boolean {
    return isProxied(this.#rehearsal.connection(packet));
  }

  async at(program: ProgramName, place: PacketPlace, frame: Uint8Array): Promise<RunResult> {
    await this.#rehearsal.load(program);
    const device = this.#world.device(place.ifindex)?.name ?? null;
    const attached = device === null ? undefined : this.#attached(program, device);
    const tag = this.#rehearsal.tag(program);
    const tuple = readFrame(frame);
    // Before tc nobody asks for connections.
    const connection = () => (program === "xdp_prefilter" ? undefined : this.#rehearsal.connection(tuple));
    const before = connection();
    const judgement = judge(this.#lookups, this.#world.flows, tuple, this.#icmpType, this.#world.kernel.now());
    const ran = this.#rehearsal.run(program, frame, place);
    // How a known connection goes is another story.
    const run = { ...ran, events: ran.events.filter(({ type }) => type !== EventType.TRACE) };
    const outcome = outcomeOf(program, run);
    const after = outcome === "drop" ? undefined : connection();
    const isOpen = after?.proxied === ConnectionProxied.OPEN;
    const isKept = outcome !== "drop" && run.events.length === 0 && before !== undefined;
    const stages = [
      ...this.#stagesBefore(program, place, tuple),
      ...(this.#isJudged(program, tuple) ? this.#judgedStages(tuple, before, isKept, judgement) : []),
      ...this.#stagesAfter(program, tuple, run),
      this.#verdictStage(run),
      this.#nextStage(run, outcome, tuple, after),
    ];
    return {
      step: {
        program: { name: program, id: attached?.programId ?? null, tag, returned: run.action },
        interface: device,
        ifindex: place.ifindex,
        outcome,
        stages,
        flows: this.#flowsOf(run.events),
      },
      frame: run.frame,
      events: run.events,
      drop: run.drop,
      kept: isKept ? before : undefined,
      isOpen,
      differences: [
        ...attachment(program, device, attached, tag),
        ...run.events.filter(isJudgement).flatMap((event) => judgement.compare(event, isOpen)),
      ].map((difference) => `${program} at ${device}: ${difference}`),
    };
  }

  #attached(program: ProgramName, device: string): AttachedProgram | undefined {
    return this.#places.find((one) => one.program === program && one.interface === device);
  }

  /** Of the node's own devices' programs only what is to or from the node, and only where policies select it. */
  #isJudged(program: ProgramName, tuple: Tuple): boolean {
    if (ofPods.includes(program)) return tuple.source !== tuple.destination;
    return program !== "xdp_prefilter" && this.#isGuarded(program === "to_netdev" ? tuple.source : tuple.destination);
  }

  #isGuarded(address: string): boolean {
    const entry = this.#lookups.endpoint(address);
    return entry !== undefined && (entry.flags & EndpointFlag.HOST) !== 0;
  }

  #stagesBefore(program: ProgramName, { ifindex }: PacketPlace, tuple: Tuple): TraceStage[] {
    const { lookups, prefilter } = this.#world.kernel;
    const parity = this.#parity;
    if (ofPods.includes(program)) {
      const record = lookups.interface(ifindex);
      const isSender = egress.includes(program);
      const says = record
        ? `the interface is of endpoint ${record.endpoint.id}, ${isSender ? "which sends by its own MAC and IP address" : "which is sent by its own IP address"}`
        : "the interface is nobody's";
      return [{ stage: isSender ? "sender" : "receiver", says, entries: [interfaceView(ifindex, record, parity)] }];
    }
    if (program === "to_netdev") return [this.#nodePolicy(tuple.source)];
    const listed = prefilter.read().length;
    const says = `the source address is looked for among ${listed} that nothing is taken from`;
    const stage: TraceStage = { stage: "prefilter", says, entries: [] };
    return program === "xdp_prefilter"
      ? [stage]
      : [...(listed > 0 ? [stage] : []), this.#nodePolicy(tuple.destination)];
  }

  #nodePolicy(address: string): TraceStage {
    const entry = this.#lookups.endpoint(address);
    const says = this.#isGuarded(address)
      ? "policies select the node, whose packet this is"
      : "no packet of the node, or no policy selects it: not judged here";
    return { stage: "node-policy", says, entries: [endpointView(address, entry, this.#parity)] };
  }

  #judgedStages(
    tuple: Tuple,
    before: ConntrackEntry | undefined,
    isKept: boolean,
    { stages }: Judgement,
  ): TraceStage[] {
    const { lookups, now } = { lookups: this.#lookups, now: this.#world.kernel.now() };
    const entries = [connectionView(tuple, before)];
    if (!before) {
      return [
        { stage: "connection", says: "no connection of these ends is known: policy is asked", entries },
        ...stages,
      ];
    }
    const isReply = sourceIsHigh(tuple) !== ((before.flags & ConnectionFlag.SOURCE_IS_HIGH) !== 0);
    const known = `a connection is known${isReply ? ", of which this is a reply" : ""}`;
    if (isKept) {
      const rules = rulesOf(
        this.#world.flows,
        before.end.flatMap((end) => end.rules),
      );
      return [{ stage: "connection", says: `${known}: its verdicts hold, policy is not asked`, entries, rules }];
    }
    const why =
      before.expires < now
        ? "it has ended by time"
        : before.revision === lookups.revision(tuple)
          ? "its verdicts do not suffice"
          : `it was judged under generation ${before.revision >> 32n}`;
    return [{ stage: "connection", says: `${known}, but ${why}: policy is asked`, entries }, ...stages];
  }

  #stagesAfter(program: ProgramName, tuple: Tuple, { frame }: RehearsedRun): TraceStage[] {
    if (program !== "to_netdev" && program !== "from_netdev") return [];
    const after = readFrame(frame);
    const isChanged =
      after.source !== tuple.source ||
      after.sourcePort !== tuple.sourcePort ||
      after.destination !== tuple.destination ||
      after.destinationPort !== tuple.destinationPort;
    const mapped = program === "to_netdev" ? [mappingView(tuple, this.#rehearsal.mapping(tuple))] : [];
    const says = isChanged
      ? `from ${tuple.source} port ${tuple.sourcePort} to ${tuple.destination} port ${tuple.destinationPort} becomes from ${after.source} port ${after.sourcePort} to ${after.destination} port ${after.destinationPort}`
      : "goes on under its own addresses";
    return [{ stage: "masquerade", says, entries: mapped }];
  }

  #verdictStage({ events, drop }: RehearsedRun): TraceStage {
    const flow = this.#flowsOf(events).at(-1);
    if (drop) {
      const where = `${sourceFileName(drop.file)}:${drop.line}`;
      const says = `dropped: ${dropReasonText(drop.reason)} (${dropReasonName(drop.reason)}, ${where})`;
      return { stage: "verdict", says, entries: [], ...(flow ? { rules: flow.weir.rules } : {}) };
    }
    if (!flow) return { stage: "verdict", says: "passes, and nobody is told", entries: [] };
    return { stage: "verdict", says: `allowed: ${flow.weir.reason}`, entries: [], rules: flow.weir.rules };
  }

  #nextStage(
    { action, frame }: RehearsedRun,
    outcome: TraceStep["outcome"],
    tuple: Tuple,
    after: ConntrackEntry | undefined,
  ): TraceStage {
    const says = {
      drop: action === TC_ACT_REDIRECT ? "ends here; its sender is told by a RST" : "ends here",
      redirect: `goes past the stack into the receiver's namespace, to MAC address ${decodeMac(frame.subarray(0, 6))}`,
      next: isProxied(after)
        ? "goes up the node's stack, to the proxy"
        : "goes on by the programs behind ours, and the stack",
    }[outcome];
    return { stage: "next", says, entries: after ? [connectionView(tuple, after)] : [] };
  }

  #flowsOf(events: readonly EventRecord[]): Flow[] {
    return events.map((event) => this.#renderer.render(event));
  }

  get #parity(): 0 | 1 {
    return Number(this.#lookups.generation() & 1n) as 0 | 1;
  }
}

function outcomeOf(program: ProgramName, { action, drop }: RehearsedRun): TraceStep["outcome"] {
  if (drop || action === (program === "xdp_prefilter" ? XDP_DROP : TC_ACT_SHOT)) return "drop";
  return action === TC_ACT_REDIRECT && program !== "xdp_prefilter" ? "redirect" : "next";
}

/** Did both ends have names, in the connection's own direction? */
function isJudgement({ end, isReply }: EventRecord): boolean {
  return isReply === 0 && end.some(({ identity }) => identity !== 0);
}

function attachment(
  program: ProgramName,
  device: string | null,
  attached: AttachedProgram | undefined,
  tag: string,
): string[] {
  const hook = program === "xdp_prefilter" ? "XDP" : ingressHooks.includes(program) ? "ingress" : "egress";
  if (!attached) return [`it is not attached to ${hook} of ${device}: real packets pass unseen`];
  if (attached.tag === tag) return [];
  return [`the attached program ${attached.programId} has the tag ${attached.tag}, the one that ran ${tag}`];
}

/** Whether the proxy stands between the ends of a connection. */
function isProxied(connection: ConntrackEntry | undefined): boolean {
  const proxied = connection?.proxied ?? ConnectionProxied.NOT;
  return proxied !== ConnectionProxied.NOT && proxied !== ConnectionProxied.OPEN;
}
