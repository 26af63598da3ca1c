import type { Party } from "#policy/model/flow.ts";
import type { NameMatch } from "#policy/model/l7.ts";
import { isOutside } from "./party.ts";

/** Whether one of the DNS names of somebody outside of the cluster is meant. */
export function isNamed(match: NameMatch, party: Party): boolean {
  return isOutside(party) && (party.names ?? []).some((name) => isName(match, name));
}

/** `*` is a run of a label's characters, `**.` at the beginning are whole labels, `*` alone is every name. */
export function isName(match: NameMatch, name: string): boolean {
  if (match.kind === "name") return match.name === name;
  if (match.pattern === "*") return true;
  const hasLabels = match.pattern.startsWith("**.");
  const rest = hasLabels ? match.pattern.slice("**.".length) : match.pattern;
  const text = rest.replaceAll(".", "\\.").replaceAll("*", "[-a-z0-9_]*");
  return new RegExp(`^${hasLabels ? "([-a-z0-9_]+\\.)+" : ""}${text}$`).test(name);
}
