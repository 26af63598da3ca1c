import { PROTOCOLS } from "#policy/model/protocol.ts";
import { type RuleDescription, compareDescriptions } from "#policy/model/rule.ts";
import type { ChangedFlow, SeenParty } from "./flows.ts";
import type { PartyGroup, PolicyChange } from "./policy-change.ts";
import { rectangles } from "./rectangles.ts";

/** Connections between the same two on the same protocol whose verdict changes in the same way. */
interface Pair {
  readonly flows: ChangedFlow[];
  readonly source: SeenParty;
  readonly destination: SeenParty;
}

/** Puts changed connections together: ports first, then ends. The most often seen come first. */
export function mergeFlows(flows: readonly ChangedFlow[]): PolicyChange[] {
  const pairs = new Map<string, Pair>();
  for (const one of flows) {
    const { source, destination, flow, outcome } = one;
    const key = JSON.stringify([keyOf(source), keyOf(destination), flow.protocol, outcome.before, outcome.after]);
    const pair = pairs.get(key);
    if (pair) pair.flows.push(one);
    else pairs.set(key, { flows: [one], source, destination });
  }
  const bundles = new Map<string, Map<string, Map<string, Pair>>>();
  for (const pair of pairs.values()) {
    const [{ flow, outcome }] = pair.flows as [ChangedFlow];
    const key = `${outcome.before} ${outcome.after} ${flow.protocol} ${portsOf(pair)}`;
    const rows = bundles.get(key) ?? new Map<string, Map<string, Pair>>();
    bundles.set(key, rows);
    const row = rows.get(keyOf(pair.source)) ?? new Map<string, Pair>();
    rows.set(keyOf(pair.source), row.set(keyOf(pair.destination), pair));
  }
  const changes = [...bundles.values()].flatMap((rows) => {
    const keys = new Map([...rows].map(([source, row]) => [source, new Set(row.keys())]));
    return rectangles(keys, () => undefined).map((one) =>
      tell(one.rows.flatMap((source) => one.columns.flatMap((column) => rows.get(source)?.get(column) ?? []))),
    );
  });
  return changes.sort((a, b) => (b.count ?? 0) - (a.count ?? 0) || compareTexts(textOf(a), textOf(b)));
}

function tell(pairs: readonly Pair[]): PolicyChange {
  const flows = pairs.flatMap((pair) => pair.flows);
  const [first, ...rest] = flows as [ChangedFlow, ...ChangedFlow[]];
  // The one that was seen most often stands for all.
  const sample = rest.reduce((best, one) => (one.count > best.count ? one : best), first);
  const { flow, outcome } = sample;
  const ports = [...new Set(flows.map((one) => one.flow.port))].sort((a, b) => a - b);
  const kinds = [sample.source.kind, sample.destination.kind] as const;
  return {
    before: outcome.before,
    after: outcome.after,
    source: groupOf(
      pairs.map(({ source }) => source),
      sample.source,
    ),
    destination: groupOf(
      pairs.map(({ destination }) => destination),
      sample.destination,
    ),
    protocol: flow.protocol,
    ports: portText(flow.protocol, ports),
    traffic: ports.map((port) => ({ protocol: flow.protocol, first: port, last: port })),
    ends: [...new Set(flows.flatMap((one) => one.outcome.ends))].sort(),
    by: { before: union(flows, "before"), after: union(flows, "after") },
    nearest: outcome.nearest,
    example: {
      from: exampleText(sample.source, flow.source.address),
      to: exampleText(sample.destination, flow.destination.address),
      kinds,
      names: [...(flow.source.names ?? []), ...(flow.destination.names ?? [])],
      protocol: flow.protocol,
      port: flow.port,
      canBeEvaluated: sample.source.isPlain && sample.destination.isPlain,
    },
    count: flows.reduce((sum, { count }) => sum + count, 0),
  };
}

function groupOf(parties: readonly SeenParty[], example: SeenParty): PartyGroup {
  const byKey = new Map(parties.map((party) => [keyOf(party), party]));
  const members = [...byKey.keys()].sort().map((key) => byKey.get(key) as SeenParty);
  const kinds = new Set(members.map(({ kind }) => kind));
  const names = members.map(({ kind, name }) =>
    kind === "pod" || kind === "world" || kind === name ? name : `${kind} ${name}`,
  );
  const description =
    names.length <= 4 ? names.join(", ") : `${names.slice(0, 3).join(", ")} and ${names.length - 3} more`;
  return {
    kind: kinds.size === 1 ? example.kind : "several",
    description,
    example: example.name,
    count: members.length,
    members: members.map(({ kind, name }) => ({ kind, name })),
  };
}

function union(flows: readonly ChangedFlow[], side: "before" | "after"): RuleDescription[] {
  const rules = flows.flatMap(({ outcome }) => outcome.by[side]);
  return [...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values()].sort(compareDescriptions);
}

function portsOf({ flows }: Pair): string {
  return [...new Set(flows.map(({ flow }) => flow.port))].sort((a, b) => a - b).join(",");
}

function portText(protocol: string, ports: readonly number[]): string {
  const hasPorts = (PROTOCOLS as readonly string[]).includes(protocol) || protocol.startsWith("ICMP");
  return hasPorts ? ports.join(",") : "any";
}

function exampleText({ kind, name }: SeenParty, address: string | undefined): string {
  return kind === "pod" ? name : (address ?? name);
}

function keyOf({ kind, name }: SeenParty): string {
  return `${kind} ${name}`;
}

function textOf({ source, destination, protocol, ports }: PolicyChange): string {
  return `${destination.description} ${source.description} ${protocol} ${ports}`;
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
