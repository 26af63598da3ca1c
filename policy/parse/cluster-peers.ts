import { formatCidr, parseAddress } from "#policy/model/cidr.ts";
import type { ClusterPeer, ClusterRule, NamespacedPods } from "#policy/model/cluster-object.ts";
import { formatNameMatch, type NameMatch } from "#policy/model/l7.ts";
import type { Direction } from "#policy/model/rule.ts";
import type { LabelSelector } from "#policy/model/selector.ts";
import { readRange } from "./cidr.ts";
import type { ClusterDialect } from "./cluster-dialect.ts";
import { readLabelSelector } from "./label-selector.ts";
import { readLimitedItems, readOneOf } from "./limited-items.ts";
import type { Fields, Reader } from "./reader.ts";

const PODS = ["namespaces", "pods"] as const;
const ALL: LabelSelector = { matchLabels: {}, matchExpressions: [] };
/** Most networks, and most domain names, of one peer. */
const MOST = 25;

/** The pods that a policy governs. */
export function readSubject(spec: Fields): NamespacedPods | null {
  const fields = spec.required("subject")?.fields();
  const choice = fields && readOneOf(fields, PODS);
  fields?.refuseOthers();
  return choice ? readPods(choice.name, choice.value) : null;
}

/** One item of `from` or `to`. */
export function readClusterPeer(
  item: Reader,
  direction: Direction,
  action: ClusterRule["action"],
  { hasDomainNames, isMasked }: ClusterDialect,
): ClusterPeer | null {
  const fields = item.fields();
  if (!fields) return null;
  const names = [
    ...PODS,
    ...(direction === "egress" ? (["nodes", "networks"] as const) : []),
    ...(direction === "egress" && hasDomainNames ? (["domainNames"] as const) : []),
  ];
  const choice = readOneOf(fields, names);
  fields.refuseOthers();
  if (!choice) return null;
  const { name, value } = choice;
  switch (name) {
    case "namespaces":
    case "pods": {
      const pods = readPods(name, value);
      return pods && { kind: "pods", ...pods };
    }
    case "nodes":
      return { kind: "nodes", selector: readLabelSelector(value) };
    case "networks":
      return { kind: "networks", cidrs: readNetworks(value, isMasked) };
    case "domainNames":
      if (action !== "Accept") value.fail("can only stand in rules that accept: not every address of a name is known");
      return { kind: "names", names: readDomainNames(value) };
  }
}

function readPods(name: "namespaces" | "pods", value: Reader): NamespacedPods | null {
  if (name === "namespaces") return { namespaces: readLabelSelector(value), pods: ALL };
  const fields = value.fields();
  if (!fields) return null;
  const namespaces = fields.optional("namespaceSelector");
  const pods = fields.required("podSelector");
  fields.refuseOthers();
  return { namespaces: namespaces ? readLabelSelector(namespaces) : ALL, pods: pods ? readLabelSelector(pods) : ALL };
}

function readNetworks(list: Reader, isMasked: boolean): string[] {
  const cidrs = new Set<string>();
  for (const item of readLimitedItems(list, { least: 1, most: MOST, of: "networks" })) {
    const range = readRange(item);
    if (!range) continue;
    const text = formatCidr(range);
    const address = parseAddress(item.string()?.split("/")[0] ?? "");
    if (isMasked && address?.value !== range.address) item.fail(`has bits beyond its prefix; write ${text}`);
    else if (cidrs.has(text)) item.fail(`${text} is there twice`);
    cidrs.add(text);
  }
  return [...cidrs];
}

function readDomainNames(list: Reader): NameMatch[] {
  const matches = new Map<string, NameMatch>();
  for (const item of readLimitedItems(list, { least: 1, most: MOST, of: "names" })) {
    const text = item.text(domainNameFault);
    if (text === null) continue;
    const match = toNameMatch(text);
    const key = formatNameMatch(match);
    if (matches.has(key)) item.fail(`"${text}" is there twice`);
    matches.set(key, match);
  }
  return [...matches.values()];
}

const LABEL = "[a-z0-9]([-a-z0-9_]*[a-z0-9])?";
const DOMAIN_NAME = new RegExp(`^(\\*\\.)?(${LABEL}\\.)+${LABEL}\\.?$`, "i");
const LONGEST = 255;

function domainNameFault(text: string): string | null {
  if (text.length > LONGEST) return `is longer than ${LONGEST} characters`;
  return DOMAIN_NAME.test(text) ? null : "is not a DNS name of two labels or more, or one after '*.'";
}

function toNameMatch(text: string): NameMatch {
  const name = text.toLowerCase().replace(/\.$/, "");
  return name.startsWith("*.") ? { kind: "pattern", pattern: `*${name}` } : { kind: "name", name };
}
