import type { TraceEntry } from "#agent/api/trace-views.ts";
import { decodeAddress, decodeMac } from "#agent/datapath/address.ts";
import type { IpcacheFound, PolicyFound, PolicyQuestion } from "#agent/datapath/kernel-lookups.ts";
import {
  ConnectionFlag,
  type ConntrackEntry,
  Direction,
  EndpointFlag,
  type EndpointEntry,
  type InterfaceRecord,
  type Limit,
  type NatEntry,
  type PolicyDecision,
  PolicyPrefix,
  Verdict,
} from "#agent/datapath/layouts.gen.ts";
import type { Tuple } from "#agent/datapath/tuple.ts";

/** Entries of maps, in the words of `weir bpf`. */

const verdictNames: Readonly<Record<number, string>> = {
  [Verdict.NONE]: "none",
  [Verdict.ALLOW]: "allow",
  [Verdict.DENY]: "deny",
  [Verdict.PASS]: "pass",
  [Verdict.REDIRECT]: "redirect",
};

export function verdictName(verdict: number): string {
  return verdictNames[verdict] ?? String(verdict);
}

/** Names of the bits that are set, in lower case. */
function flagNames(flags: Readonly<Record<string, number>>, value: number): string[] {
  return Object.entries(flags).flatMap(([name, bit]) => (value & bit ? [name.toLowerCase().replaceAll("_", "-")] : []));
}

function endpointValue(entry: EndpointEntry, parity: 0 | 1): Record<string, unknown> {
  return {
    endpoint: entry.id,
    identity: entry.identity[parity],
    slot: entry.policy[parity],
    incarnation: entry.incarnation,
    ifindex: entry.ifindex,
    mac: decodeMac(entry.mac),
    hostMac: decodeMac(entry.hostMac),
    flags: flagNames(EndpointFlag, entry.flags),
  };
}

export function endpointView(address: string, entry: EndpointEntry | undefined, parity: 0 | 1): TraceEntry {
  return { map: "endpoints", key: { address }, value: entry ? endpointValue(entry, parity) : null };
}

export function interfaceView(ifindex: number, record: InterfaceRecord | undefined, parity: 0 | 1): TraceEntry {
  const value = record && {
    ...endpointValue(record.endpoint, parity),
    ipv4: decodeAddress(1, record.ipv4.bytes),
    ipv6: decodeAddress(2, record.ipv6.bytes),
  };
  return { map: "interfaces", key: { ifindex }, value: value ?? null };
}

export function ipcacheView(address: string, { prefix, ...value }: IpcacheFound): TraceEntry {
  return { map: "ipcache", key: { address }, value: prefix === null ? null : { prefix, ...value } };
}

const lookupNames = ["identity", "class", "any"] as const;

/** One of the three look-ups. */
export function policyView(question: PolicyQuestion, lookup: number, found: PolicyFound | null): TraceEntry {
  const peer = [question.identity, question.addressClass, 0][lookup] ?? 0;
  const { slot, protocol, port } = question;
  const direction = question.direction === Direction.EGRESS ? "egress" : "ingress";
  const asked = { slot, lookup: lookupNames[lookup], peer, direction, protocol, port };
  if (!found) return { map: "policy", key: asked, value: null };
  const { key, entry } = found;
  const portBits = Math.max(0, key.prefixlen - PolicyPrefix.FIXED_BITS - PolicyPrefix.PROTOCOL_BITS);
  const isAny = key.prefixlen === PolicyPrefix.FIXED_BITS;
  const matched = {
    peer: key.peer,
    protocol: isAny ? null : key.protocol,
    port: portBits === 0 ? null : key.port,
    portBits,
  };
  const below = entry.below.precedence === 0 ? null : decisionValue(entry.below);
  return { map: "policy", key: asked, value: { matched, ...decisionValue(entry.upper), below } };
}

function decisionValue({ verdict, precedence, rule, limit, notAfter }: PolicyDecision): Record<string, unknown> {
  return {
    verdict: verdictName(verdict),
    precedence,
    rule,
    limit,
    notAfter: notAfter === 0n ? null : String(notAfter),
  };
}

function tupleKey({ source, sourcePort, destination, destinationPort, protocol }: Tuple): Record<string, unknown> {
  return { source, sourcePort, destination, destinationPort, protocol };
}

export function connectionView(tuple: Tuple, entry: ConntrackEntry | undefined): TraceEntry {
  const map = tuple.family === 4 ? "conntrack4" : "conntrack6";
  if (!entry) return { map, key: tupleKey(tuple), value: null };
  const [from, to] = entry.end;
  const { SOURCE_IS_HIGH: _, ...flags } = ConnectionFlag;
  return {
    map,
    key: tupleKey(tuple),
    value: {
      generation: Number(entry.revision >> 32n),
      egress: { verdict: verdictName(from.verdict), rules: from.rules.filter((rule) => rule !== 0) },
      ingress: { verdict: verdictName(to.verdict), rules: to.rules.filter((rule) => rule !== 0) },
      flags: flagNames(flags, entry.flags),
      packets: entry.packets.map(Number),
      expires: String(entry.expires),
    },
  };
}

export function limitView(rule: number, limit: Limit | undefined): TraceEntry {
  const value = limit ? { rate: limit.rate, connections: limit.connections, open: limit.open } : null;
  return { map: "limits", key: { rule }, value };
}

export function mappingView(tuple: Tuple, entry: NatEntry | undefined): TraceEntry {
  const address = entry && decodeAddress(tuple.family === 4 ? 1 : 2, entry.address.bytes);
  return {
    map: tuple.family === 4 ? "nat4" : "nat6",
    key: tupleKey(tuple),
    value: entry ? { address, port: entry.port } : null,
  };
}
