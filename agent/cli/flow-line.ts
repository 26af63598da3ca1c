import type { Flow, FlowConnection, FlowEndpoint, StagedOutcome } from "#agent/api/flow.ts";
import { layer7Text } from "#agent/api/layer7-text.ts";
import { isolationText, nearestText, ruleText } from "./rule-text.ts";
import { type Paint, printable, type Style } from "./table.ts";

const colours: Readonly<Record<Flow["verdict"], Style>> = {
  FORWARDED: "green",
  REDIRECTED: "green",
  DROPPED: "red",
  AUDIT: "yellow",
  ERROR: "red",
};

/** Policies that a line names of those that isolate an end. */
const MOST_POLICIES = 3;

/** A flow in one line: when, who to whom, by what, the verdict, and why. */
export function flowLine(flow: Flow, paint: Paint): string {
  return `${[timeText(flow.time), verdictText(flow, paint, 9), ...flowWords(flow).map(printable)].join("  ")}\n`;
}

/** Who to whom, by what, and why: as the names are, which may be anything. */
export function flowWords(flow: Flow): [ends: string, protocol: string, reason: string] {
  const { l4, IP } = flow;
  const transport = l4?.TCP ?? l4?.UDP ?? l4?.SCTP;
  const source = partyText(flow.source, IP?.source, transport?.source_port);
  const destination = partyText(flow.destination, IP?.destination, transport?.destination_port);
  const arrow = flow.is_reply ? "<-" : "->";
  const ends = flow.is_reply ? [destination, source] : [source, destination];
  return [`${ends[0]} ${arrow} ${ends[1]}`, layer7Text(flow) ?? protocolText(flow), reasonText(flow)];
}

export function verdictText({ verdict }: Flow, paint: Paint, width = 0): string {
  return paint(colours[verdict], verdict.padEnd(width));
}

/** To the millisecond. */
export function timeText(time: string): string {
  return time.replace(/(\.\d{3})\d*/, "$1");
}

export function partyText(party: FlowEndpoint, address = "?", port?: number): string {
  const host = party.pod_name === undefined ? hostText(party, address) : `${party.namespace ?? ""}/${party.pod_name}`;
  return port === undefined ? host : `${host}:${port}`;
}

function hostText({ labels }: FlowEndpoint, address: string): string {
  const reserved = labels.find((label) => label.startsWith("reserved:"));
  const text = address.includes(":") ? `[${address}]` : address;
  return reserved === undefined ? text : `${reserved.slice("reserved:".length)} ${text}`;
}

export function protocolText({ l4 }: Flow): string {
  if (l4?.TCP) return "TCP";
  if (l4?.UDP) return "UDP";
  if (l4?.SCTP) return "SCTP";
  if (l4?.ICMPv4) return `ICMP type ${l4.ICMPv4.type}`;
  if (l4?.ICMPv6) return `ICMPv6 type ${l4.ICMPv6.type}`;
  return "other";
}

export function reasonText({ weir, verdict }: Flow): string {
  const parts = weir.rules.map(ruleText);
  if (verdict === "DROPPED" || verdict === "ERROR" || parts.length === 0) {
    const reason = weir.isolatedBy === undefined ? weir.reason : isolationText(weir, MOST_POLICIES);
    parts.unshift(weir.denied === undefined ? reason : `${weir.denied}: ${reason}`);
  }
  if (weir.connection) parts.unshift(connectionText(weir.connection));
  if (weir.http) parts.push(`not as the rule says: ${weir.http.mismatches.join(", ")}`);
  if (weir.nearest) parts.push(nearestText(weir.nearest));
  parts.push(...(weir.staged ?? []).map(stagedText));
  return parts.join("; ");
}

/** `closed, 12 packets there (3400 B), 10 back (98000 B)` */
function connectionText({ state, packets, bytes }: FlowConnection): string {
  const there = `${packets.source} packet${packets.source === "1" ? "" : "s"} there`;
  return `${state}, ${there} (${bytes.source} B), ${packets.destination} back (${bytes.destination} B)`;
}

const would: Readonly<Record<StagedOutcome["verdict"], string>> = {
  allow: "would be allowed",
  deny: "would be denied",
  redirect: "would go to the proxy",
};

/** `would be denied (staged): NetworkPolicy shop/web egress[0] (web.yaml:14)` */
function stagedText({ direction, verdict, rules }: StagedOutcome): string {
  const nothing = `${direction}: ${verdict === "deny" ? "no rule allows it" : "no policy applies"}`;
  return `${would[verdict]} (staged): ${rules.map(ruleText).join(", ") || nothing}`;
}
