import { encodeAddress, type MapAddress } from "#agent/datapath/address.ts";
import { DropReason, type EventEnd, type EventRecord, PolicyMatch, Verdict } from "#agent/datapath/layouts.gen.ts";
import type { RequestRecord } from "#agent/proxy/request-record.ts";
import { protocolNumbers } from "#policy/model/protocol.ts";
import type { Direction } from "./record.ts";

/** Hubble's number of what an access log tells; the datapath has no such event. */
export const ACCESS_LOG = 129;

/** Makes events of requests. */
export class RequestEvents {
  /** Those that were asked for before: pods speak again. */
  readonly #addresses = new Map<string, MapAddress>();

  /**
   * A request as an event of its connection, so that it is kept, found and named as others are: without a packet, and
   * with ends that allow or deny.
   *
   * @param generation of the policy that is in force.
   */
  of(record: RequestRecord, generation: bigint): EventRecord {
    const { sourceAddress, destinationAddress } = record.tuple;
    return eventOf(record, this.#encode(sourceAddress), this.#encode(destinationAddress), generation);
  }

  #encode(text: string): MapAddress {
    const known = this.#addresses.get(text);
    if (known) return known;
    if (this.#addresses.size >= 4096) this.#addresses.clear();
    const address = encodeAddress(text);
    this.#addresses.set(text, address);
    return address;
  }
}

function eventOf(record: RequestRecord, client: MapAddress, server: MapAddress, generation: bigint): EventRecord {
  const { tuple, deniedBy, kind } = record;
  const isReply = kind === "response";
  const [source, destination] = isReply ? [server, client] : [client, server];
  const ports = [tuple.sourcePort, tuple.destinationPort] as const;
  return {
    time: 0n,
    generation,
    source: { bytes: source.bytes },
    destination: { bytes: destination.bytes },
    sourcePort: ports[isReply ? 1 : 0],
    destinationPort: ports[isReply ? 0 : 1],
    type: ACCESS_LOG,
    reason: deniedBy === null ? DropReason.NONE : DropReason.POLICY_DENIED,
    hook: 0,
    family: client.family,
    protocol: protocolNumbers[tuple.protocol],
    tcpFlags: 0,
    isReply: Number(isReply),
    file: 0,
    line: 0,
    icmpType: 0,
    icmpCode: 0,
    ifindex: 0,
    length: 0,
    end: [endOf(record, "source"), endOf(record, "destination")],
    packets: [0n, 0n],
    bytes: [0n, 0n],
    connection: 0,
  };
}

function endOf(record: RequestRecord, end: "source" | "destination"): EventEnd {
  const { endpoint, identity } = record[end];
  const spoke = verdictOf(record, end);
  return { identity, addressClass: 0, endpoint, rules: [0, 0, 0], verdict: spoke, match: PolicyMatch.NONE };
}

function verdictOf({ deniedBy, rules, source }: RequestRecord, end: "source" | "destination"): Verdict {
  if (deniedBy !== null) return deniedBy === end ? Verdict.DENY : Verdict.NONE;
  const direction = end === "source" ? "egress" : "ingress";
  // Of what nobody has asked a rule for: the end that is here.
  const hasSpoken = rules.length === 0 ? (source.endpoint !== 0) === (end === "source") : ruleIsOf(rules, direction);
  return hasSpoken ? Verdict.ALLOW : Verdict.NONE;
}

function ruleIsOf(rules: RequestRecord["rules"], direction: Direction): boolean {
  return rules.some(({ rule }) => ruleDirection(rule) === direction);
}

/** By a rule's own name: `specs[1].egressDeny[0]`. */
export function ruleDirection(rule: string): Direction {
  return /(?:^|\.)egress/.test(rule) ? "egress" : "ingress";
}
