import { matchesName } from "#policy/model/name-match.ts";

/**
 * Whether a TLS client that asks for a name (RFC 6066, section 3) may do so: it is one of the rule's names, `*.` stands for
 * one label before the rest, and `**.` for one or more. Letters of either case are the same and one dot
 * at the end counts for nothing. International names are compared as they travel, as A-labels (`xn--..`).
 */
export function meetsServerNames(serverNames: readonly string[], asked: string): boolean {
  const name = asked.toLowerCase().replace(/\.$/, "");
  return serverNames.some((one) => matchesName(one, name));
}
