import type { L7Rules, NameMatch } from "#policy/model/l7.ts";
import { matchesName } from "#policy/model/name-match.ts";

/** What a DNS query asks for. */
export interface DnsQuestion {
  /**
   * In lower case, without the trailing dot; the root is empty. Bytes of labels other than letters, digits, `-` and
   * `_` are written `\DDD` (RFC 1035, section 5.1), the dot within a label among them: no rule but `*` means such a name.
   */
  readonly name: string;
  /** Whether it is about the Internet and one name: class IN, and no transfer of a zone. Any other meets `*` alone. */
  readonly isPlainLookup: boolean;
}

/** Whether one of the rules lets the question pass. Rules of other families let none. */
export function meetsDnsRules(l7: L7Rules | null, question: DnsQuestion): boolean {
  return l7?.family === "dns" && l7.rules.some((rule) => meets(rule, question));
}

function meets(rule: NameMatch, { name, isPlainLookup }: DnsQuestion): boolean {
  if (rule.kind === "name") return isPlainLookup && rule.name === name;
  return rule.pattern === "*" || (isPlainLookup && matchesName(rule.pattern, name));
}
