import type { Flow } from "#agent/api/flow.ts";
import { LabError } from "#agent/local/errors.ts";
import { portsOf } from "#agent/local/flow-log.ts";
import type { Outcome } from "#agent/local/traffic-protocol.ts";
import { until } from "#agent/local/until.ts";
import { IpSocket, withHeader } from "./ip-socket.ts";
import {
  datagramFrom,
  echoReplyType,
  echoRequest,
  echoRequestType,
  icmpProtocol,
  sctpInit,
  tcpAck,
} from "./packets.ts";
import type { Family, Party, Scenario, Seen } from "./scenario.ts";
import { deciderText, verdictText } from "./verdict-text.ts";
import type { World } from "./world.ts";

/** Milliseconds after which something counts as not happening. */
export const patience = 5000;

type Protocol = "TCP" | "UDP" | "ICMP" | "SCTP";

/** One thing that one party sends to another. */
export interface Attempt {
  readonly from: Party;
  readonly to: Party;
  readonly protocol: Protocol;
  /** Not of ICMP. */
  readonly port: number;
  readonly family: Family;
  /** Bytes of the request. */
  readonly size?: number;
  /** Of TCP: only the packet that follows a connection's first two. */
  readonly isBareAck?: boolean;
  /** Whose address it says it comes from. */
  readonly as?: Party;
}

/** A scenario that sends one thing, and expects a verdict, with its rules. */
export function attempt(spec: Attempt, expected: string): Scenario {
  const name = attemptName(spec);
  return { name, sends: name, expected, family: spec.family, run: (world) => makeAttempt(world, spec) };
}

function attemptName({ from, to, protocol, port, family, size, isBareAck, as }: Attempt): string {
  const what = `${protocol}${protocol === "ICMP" ? "" : ` ${port}`}`;
  const more = [
    ...(isBareAck ? ["ACK alone"] : []),
    ...(size === undefined ? [] : [`${size} bytes`]),
    ...(as === undefined ? [] : [`as from ${as}`]),
  ];
  return [`${from} to ${to === from ? "itself" : to}`, what, `IPv${family}`, ...more].join(", ");
}

export async function makeAttempt(world: World, spec: Attempt): Promise<Seen> {
  const { protocol, isBareAck, as } = spec;
  if (as !== undefined) return sendOnly(world, spec, withHeader);
  if (protocol === "ICMP") return ping(world, spec);
  if (protocol === "SCTP") return sendOnly(world, spec, 132);
  if (isBareAck) return sendOnly(world, spec, 6);
  return connect(world, spec);
}

/** By ordinary sockets. */
async function connect(world: World, spec: Attempt): Promise<Seen> {
  const { from, to, protocol, port, family, size = 5 } = spec;
  const sourcePort = world.nextPort();
  const address = world.address(to, family);
  const after = world.log.mark;
  const isAbout = aboutPorts(world, spec, sourcePort);
  const answered = new AbortController();
  const denied = new AbortController();
  const watch = world.log
    .first((flow) => isAbout(flow) && flow.verdict === "DROPPED", { after, within: patience, signal: answered.signal })
    .finally(() => denied.abort());
  const target = { protocol: protocol === "UDP" ? "UDP" : "TCP", address, port } as const;
  const options = { timeout: patience, sourcePort, size, signal: denied.signal };
  const outcome = await world.traffic(from).attempt(target, options);
  answered.abort();
  const drop = await watch;
  // Within a pod nothing is judged.
  if (to === from) return { seen: `${outcome} within the pod`, rule: null };
  const flow = drop ?? (await world.log.first(isAbout, { after, within: outcome === "silent" ? 0 : patience }));
  return told(world, flow, outcome);
}

/** An echo request and its reply. */
async function ping(world: World, spec: Attempt): Promise<Seen> {
  const { from, to, family } = spec;
  const [source, destination] = [world.address(from, family), world.address(to, family)];
  const id = world.nextPort();
  const after = world.log.mark;
  using socket = IpSocket.open(world.namespace(from), family, icmpProtocol[family]);
  socket.send(destination, echoRequest(family, id));
  const isAbout = (flow: Flow): boolean =>
    isFirst(flow) &&
    flow.IP?.source === source &&
    flow.IP.destination === destination &&
    flow.l4?.[`ICMPv${family}`]?.type === echoRequestType[family];
  const isReply = (bytes: Uint8Array): boolean =>
    bytes[0] === echoReplyType[family] && ((bytes[4] ?? 0) << 8) + (bytes[5] ?? 0) === id;
  const look = async (): Promise<Flow | "answered" | false> => {
    if (socket.receive().some(isReply)) return "answered";
    const flow = await world.log.first(isAbout, { after, within: 0 });
    return flow?.verdict === "DROPPED" ? flow : false;
  };
  const outcome = await until("an answer", look, { within: patience, every: 5, signal: world.signal }).catch(
    (error) => {
      if (error instanceof LabError && error.code === "timed-out") return "silent" as const;
      throw error;
    },
  );
  if (typeof outcome !== "string") return told(world, outcome, "silent");
  const flow = await world.log.first(isAbout, { after, within: outcome === "answered" ? patience : 0 });
  return told(world, flow, outcome);
}

/** A packet that nobody answers: what the datapath tells of it is what is seen. */
async function sendOnly(world: World, spec: Attempt, protocol: number): Promise<Seen> {
  const { from, to, family, port, as } = spec;
  const sourcePort = world.nextPort();
  const address = world.address(to, family);
  const after = world.log.mark;
  using socket = IpSocket.open(world.namespace(from), family, protocol);
  const packet = (): Uint8Array => {
    if (as !== undefined) return datagramFrom(world.address(as, family), address, sourcePort, port);
    return protocol === 6 ? tcpAck(sourcePort, port) : sctpInit(sourcePort, port);
  };
  socket.send(address, packet());
  const flow = await world.log.first(aboutPorts(world, spec, sourcePort), { after, within: patience });
  return told(world, flow, "answered");
}

function told({ names }: World, flow: Flow | undefined, outcome: Outcome): Seen {
  if (flow === undefined) return { seen: `${outcome}, and no flow tells of it`, rule: null };
  const seen = verdictText(flow, names.prefix);
  const rule = deciderText(flow, names.prefix);
  if (flow.verdict === "DROPPED" || outcome === "answered") return { seen, rule };
  return { seen: `${outcome}, ${seen}`, rule };
}

/** Of the packet that a connection begins with: not of its answer, nor of how it goes on. */
function isFirst(flow: Flow): boolean {
  return !flow.is_reply && flow.weir.connection === undefined;
}

/** Who sends it tells by its port alone: the address may be said to be another's. */
export function aboutPorts(world: World, { to, family, port }: Attempt, sourcePort: number): (flow: Flow) => boolean {
  const address = world.address(to, family);
  return (flow) => {
    const ports = portsOf(flow);
    return (
      isFirst(flow) && ports?.source === sourcePort && ports.destination === port && flow.IP?.destination === address
    );
  };
}
