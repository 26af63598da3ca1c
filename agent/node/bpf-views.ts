import type { BpfPort } from "#agent/api/ports.ts";
import type { BpfEndpoint, BpfPolicyDecision } from "#agent/api/bpf-views.ts";
import { addressesOf } from "#agent/datapath/kernel-endpoints.ts";
import type { SlotDecision } from "#agent/datapath/kernel.ts";
import { EventHook } from "#agent/datapath/layouts.gen.ts";
import { dropReasonName } from "#agent/flows/drop-reason.ts";
import { sourceFileName } from "#agent/flows/source-file.ts";
import { formatTime } from "#agent/runtime/clock.ts";
import { bpfTables } from "./bpf-tables.ts";
import type { NodeParts } from "./parts.ts";

const hookNames = new Map<number, string>(
  Object.entries(EventHook).map(([name, hook]) => [hook, name.toLowerCase().replaceAll("_", "-")]),
);

/** Hooks at which packets leave: a pod, or the node. */
const leaves = new Set<number>([EventHook.POD_EGRESS, EventHook.NETDEV_EGRESS]);

/** Decoded contents of the maps, as they are in the kernel at the moment of asking. */
export function bpfPort(parts: NodeParts): BpfPort {
  const { kernel, enforcement, clock } = parts;
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
    ...bpfTables(parts),
    ipcache: () => kernel.ipcache.read(),
    ipcacheOf: (address) => {
      const { prefix, ...found } = kernel.lookups.ipcache(address);
      return prefix === null ? undefined : { prefix, ...found };
    },
    links: () => kernel.places(),
    counters: () =>
      kernel.counters().map(({ key, value }) => ({
        reason: key.reason === 0 ? "FORWARDED" : dropReasonName(key.reason),
        reasonCode: key.reason,
        hook: hookNames.get(key.hook) ?? String(key.hook),
        direction: leaves.has(key.hook) ? "egress" : "ingress",
        file: key.reason === 0 ? null : sourceFileName(key.file),
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
