import { styleText } from "node:util";
import type { Flow } from "#agent/api/flow.ts";
import { layer7Text } from "#agent/api/layer7-text.ts";
import type { RuleDescription } from "#agent/api/policy-views.ts";
import { endOf, portsOf } from "./flow-log.ts";

function ruleText({ kind, namespace, name, rule, file, line }: RuleDescription): string {
  return `${kind} ${namespace}/${name} ${rule} (${file}${line === null ? "" : `:${line}`})`;
}

/** Why a flow got its verdict, with the rules' places. */
function reasonText({ weir }: Flow): string {
  if (weir.rules.length > 0) return weir.rules.map(ruleText).join(", ");
  if (weir.nearest === undefined || weir.nearest === null) return weir.reason;
  return `${weir.reason}; nearest ${ruleText(weir.nearest)}: ${weir.nearest.because}`;
}

/** One line for people: time, verdict, ends, port, reason. */
export function flowLine(flow: Flow): string {
  const ports = portsOf(flow);
  const time = flow.time.slice(11, 23);
  const allowed = flow.verdict === "FORWARDED" || flow.verdict === "REDIRECTED";
  const verdict = styleText(allowed ? "green" : "red", allowed ? "allowed" : "denied ", { stream: process.stdout });
  const ends = `${endOf(flow, "source")} -> ${endOf(flow, "destination")}`.padEnd(30);
  const protocol = layer7Text(flow) ?? (ports === undefined ? "" : `${ports.protocol} ${ports.destination}`);
  const version = flow.IP?.ipVersion ?? "";
  return `${time}  ${verdict}  ${ends}  ${version} ${protocol.padEnd(8)}  ${reasonText(flow)}`;
}
