import type { Flow, FlowEndpoint } from "#agent/api/flow.ts";
import { layer7Text } from "#agent/api/layer7-text.ts";
import type { PolicyDescription, RuleDescription } from "#agent/api/policy-views.ts";
import type { Outcome } from "#agent/ui/frame.ts";

export const outcomeOf: Readonly<Record<Flow["verdict"], Outcome>> = {
  FORWARDED: "allowed",
  REDIRECTED: "allowed",
  DROPPED: "denied",
  AUDIT: "audited",
  ERROR: "denied",
};

/** Told by a sign and a word, not by colour alone. */
export const signs: Readonly<Record<Outcome, string>> = { allowed: "✓", denied: "✕", audited: "!" };

/** The ends of the connection, who opened it first. */
export function endsOf(flow: Flow): { from: string; to: string } {
  const source = endText(flow.source, flow.IP?.source);
  const destination = endText(flow.destination, flow.IP?.destination);
  return flow.is_reply ? { from: destination, to: source } : { from: source, to: destination };
}

function endText({ namespace, pod_name, labels }: FlowEndpoint, address = ""): string {
  if (pod_name !== undefined) return `${namespace ?? ""}/${pod_name}`;
  const word = labels.find((label) => label.startsWith("reserved:"))?.slice("reserved:".length);
  return [word, address].filter((text) => text !== undefined && text !== "").join(" ") || "unknown";
}

/** `TCP 80`; of requests what was asked, or answered. */
export function serviceText(flow: Flow): string {
  const request = layer7Text(flow);
  if (request !== undefined) return request;
  const { l4, is_reply } = flow;
  for (const name of ["TCP", "UDP", "SCTP"] as const) {
    const ports = l4?.[name];
    if (ports) return `${name} ${is_reply ? ports.source_port : ports.destination_port}`;
  }
  if (l4?.ICMPv4) return `ICMP type ${l4.ICMPv4.type}`;
  return l4?.ICMPv6 ? `ICMPv6 type ${l4.ICMPv6.type}` : "other";
}

/** To the millisecond. */
export function timeText({ time }: Flow): string {
  return time.slice(11, 23);
}

/** `NetworkPolicy shop/web egress[0]` */
export function ruleName(rule: RuleDescription): string {
  return `${policyName(rule)} ${rule.rule}`;
}

/** `NetworkPolicy shop/web` */
export function policyName({ kind, namespace, name }: PolicyDescription): string {
  return `${kind} ${namespace === "" ? name : `${namespace}/${name}`}`;
}

/** `web.yaml:14` */
export function placeText({ file, line }: PolicyDescription): string {
  return line === null ? file : `${file}:${line}`;
}

/** What became of it, without the rules: `ingress: no rule allows it`. */
export function reasonText({ weir }: Flow): string {
  return weir.denied === undefined ? weir.reason : `${weir.denied}: ${weir.reason}`;
}

/** Why, in one line. */
export function whyText(flow: Flow): string {
  const { weir, verdict } = flow;
  const parts = weir.rules.map((rule) => `${ruleName(rule)} (${placeText(rule)})`);
  if (verdict === "DROPPED" || verdict === "ERROR" || parts.length === 0) parts.unshift(reasonText(flow));
  const { nearest } = weir;
  if (nearest) parts.push(`nearest ${ruleName(nearest)} (${placeText(nearest)}): ${nearest.because}`);
  return parts.join("; ");
}
