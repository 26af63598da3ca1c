import type { BpfPort } from "#agent/api/ports.ts";
import type { BpfConnection, BpfEndpoint, BpfMapping, BpfPolicyDecision } from "#agent/api/bpf-views.ts";
import { addressesOf } from "#agent/datapath/kernel-endpoints.ts";
import type { Connection, NatMapping, SlotDecision } from "#agent/datapath/kernel.ts";
import { ConnectionEnd, ConnectionFlag, EventHook, NatFlag, SourceFile, Verdict } from "#agent/datapath/layouts.gen.ts";
import { dropReasonName } from "#agent/flows/drop-reason.ts";
import { formatTime } from "#agent/runtime/clock.ts";
import { protocolNumbers } from "#policy/model/protocol.ts";
import type { NodeParts } from "./parts.ts";

const protocolNames = new Map(Object.entries(protocolNumbers).map(([name, number]) => [number, name]));
const fileNames = new Map<number, string>(Object.entries(SourceFile).map(([name, number]) => [number, name]));
const verdicts = {
  [Verdict.NONE]: "none",
  [Verdict.ALLOW]: "allow",
  [Verdict.DENY]: "deny",
  [Verdict.REDIRECT]: "redirect",
} as const;

/** Connections that are shown at most: what a listing takes in memory must have an end. */
const listedConnections = 50_000;

const hookNames = new Map<number, string>(
  Object.entries(EventHook).map(([name, hook]) => [hook, name.toLowerCase().replaceAll("_", "-")]),
);

/** Hooks at which packets leave: a pod, or the node. */
const leaves = new Set<number>([EventHook.POD_EGRESS, EventHook.NETDEV_EGRESS]);

/** Decoded contents of the maps, as they are in the kernel at the moment of asking. */
export function bpfPort({ kernel, enforcement, clock }: NodeParts): BpfPort {
  const viewDecision = ({ notAfter, ...decision }: SlotDecision): BpfPolicyDecision => ({
    ...decision,
    notAfter: notAfter === 0n ? null : formatTime(clock.wallNanoseconds(notAfter)),
  });
  return {
    policy: () => {
      const users = enforcement.views.endpointsBySlot();
      return [...kernel.policies.read()].flatMap(([slot, entries]) =>
        entries.map(({ below, ...entry }) => ({
          ...entry,
          ...viewDecision(entry),
          slot,
          endpoints: users.get(slot) ?? [],
          below: below && viewDecision(below),
        })),
      );
    },
    conntrack: async () => {
      const now = kernel.now();
      const connections = await kernel.connections.list(listedConnections);
      return connections.map((connection) => viewConnection(connection, now));
    },
    nat: async () => {
      const now = kernel.now();
      const mappings = await kernel.nat.list(listedConnections);
      return mappings.map((mapping) => viewMapping(mapping, now));
    },
    ipcache: () => kernel.ipcache.read(),
    links: () => kernel.places(),
    counters: () =>
      kernel.counters().map(({ key, value }) => ({
        reason: key.reason === 0 ? "FORWARDED" : dropReasonName(key.reason),
        hook: hookNames.get(key.hook) ?? String(key.hook),
        direction: leaves.has(key.hook) ? "egress" : "ingress",
        file: key.reason === 0 ? null : (fileNames.get(key.file) ?? String(key.file)).toLowerCase(),
        line: key.reason === 0 ? null : key.line,
        packets: Number(value.packets),
        bytes: Number(value.bytes),
      })),
    bandwidth: () =>
      kernel.endpoints.bandwidths().map(({ rate, burst, droppedPackets, droppedBytes, ...whose }) => ({
        ...whose,
        rate: rate * 8,
        burst: burst / 1e6,
        droppedPackets: Number(droppedPackets),
        droppedBytes: Number(droppedBytes),
      })),
    endpoints: () => {
      const parity = kernel.control.generation() % 2n === 0n ? 0 : 1;
      return [...kernel.endpoints.read().values()].flatMap((endpoint) => {
        const { ipv4: _4, ipv6: _6, nodeAddresses: _, ...state } = endpoint;
        return addressesOf(endpoint).map((address): BpfEndpoint => {
          return { address, ...state, identity: state.identity[parity] };
        });
      });
    },
  };
}

function protocolName(protocol: number): string {
  return protocolNames.get(protocol) ?? String(protocol);
}

/** Of two boot times in ns. */
function secondsUntil(end: bigint, now: bigint): number {
  return Number((end - now) / 1_000_000n) / 1000;
}

function viewMapping({ entry, ...flow }: NatMapping, now: bigint): BpfMapping {
  const isClosing = (entry.flags & (NatFlag.OWNER_CLOSING | NatFlag.REMOTE_CLOSING)) !== 0;
  return {
    protocol: protocolName(flow.protocol),
    source: flow.owner,
    sourcePort: flow.ownerPort,
    translated: flow.address,
    translatedPort: flow.port,
    destination: flow.remote,
    destinationPort: flow.remotePort,
    expiresIn: secondsUntil(entry.expires, now),
    state: isClosing ? "closing" : (entry.flags & NatFlag.ANSWERED) !== 0 ? "open" : "unanswered",
  };
}

function viewConnection({ entry, protocol, ...tuple }: Connection, now: bigint): BpfConnection {
  const end = (which: 0 | 1): BpfConnection["from"] => {
    const { rules, verdict } = entry.end[which];
    return {
      packets: Number(entry.packets[which]),
      bytes: Number(entry.bytes[which]),
      verdict: verdicts[verdict as keyof typeof verdicts] ?? "none",
      rules: rules.filter((rule) => rule !== 0),
    };
  };
  const { SEEN_REPLY, SOURCE_CLOSING, DESTINATION_CLOSING } = ConnectionFlag;
  return {
    protocol: protocolName(protocol),
    source: tuple.source,
    sourcePort: tuple.sourcePort,
    destination: tuple.destination,
    destinationPort: tuple.destinationPort,
    expiresIn: secondsUntil(entry.expires, now),
    generation: Number(entry.revision >> 32n),
    seenReply: (entry.flags & SEEN_REPLY) !== 0,
    closing: (entry.flags & (SOURCE_CLOSING | DESTINATION_CLOSING)) !== 0,
    from: end(ConnectionEnd.END_SOURCE),
    to: end(ConnectionEnd.END_DESTINATION),
  };
}
