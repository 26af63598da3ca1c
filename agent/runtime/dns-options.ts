import { option } from "./option.ts";
import { boolean, integer, word } from "./option-values.ts";

/** The options of `weir agent` about DNS: what those are answered who may not ask, and addresses that pods learn, for rules that speak of names. */
export const dnsOptions = {
  dnsDenial: option({
    flag: "dns-denial",
    value: "CODE",
    description: "What DNS queries are answered that no rule lets through: refused, nxdomain.",
    default: "refused",
    schema: word(["refused", "nxdomain"]),
  }),
  dnsMinTtl: option({
    flag: "dns-min-ttl",
    value: "SECONDS",
    description: "How long a name stands for an address at least, whatever the DNS answer says.",
    default: "0",
    schema: integer(0, 604_800),
  }),
  dnsMaxIps: option({
    flag: "dns-max-ips",
    value: "N",
    description: "Addresses that one name stands for; of more, those that would end first do not count.",
    default: "1000",
    schema: integer(1, 32_768),
  }),
  dnsGrantsInside: option({
    flag: "dns-grants-inside",
    value: null,
    description:
      "Let rules that speak of names allow pods and nodes, too, where a DNS answer names their addresses. Whoever answers for such a name then chooses among them.",
    default: "false",
    schema: boolean,
  }),
} as const;
