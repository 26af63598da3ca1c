import {
  CILIUM_SECTIONS,
  type CiliumPolicyObject,
  type CiliumRule,
  type CiliumSection,
  type CiliumSpec,
} from "#policy/model/cilium-object.ts";
import {
  type Direction,
  type NodeMatch,
  type Peer,
  type PodMatch,
  type Policy,
  type RequiredPods,
  type Rule,
  normalPrecedence,
} from "#policy/model/rule.ts";
import { toSelector } from "#policy/model/selector.ts";
import { toPorts } from "./cilium-ports.ts";
import { toPeer, toSubjects } from "./cilium-selector.ts";
import type { Conversion } from "./conversion.ts";
import type { References } from "./references.ts";

/** Says a CiliumNetworkPolicy in the vocabulary of rules: one policy for each of its specs that governs anybody. */
export function fromCilium(object: CiliumPolicyObject, references: References, conversion: Conversion): Policy[] {
  return object.specs.flatMap((spec) => fromSpec(object, spec, references, conversion) ?? []);
}

function fromSpec(
  object: CiliumPolicyObject,
  spec: CiliumSpec,
  references: References,
  conversion: Conversion,
): Policy | null {
  const { kind, namespace, name } = object;
  const subjects = subjectsOf(spec, namespace);
  if (!subjects) return null;
  const rules = CILIUM_SECTIONS.flatMap((section) =>
    spec[section].flatMap((rule, index) => {
      const place = { rule: `${spec.prefix}${section}[${index}]`, line: rule.line };
      const peers = peersOf(rule, namespace, references, conversion);
      return actsOf(rule, section).map(({ content, part }): Rule => {
        const action = content.l7 !== null || content.serverNames.length > 0 ? "redirect" : "allow";
        return conversion.rule(object, subjects, place, part, {
          direction: directionOf(section),
          action: isDeny(section) ? "deny" : action,
          precedence: normalPrecedence(isDeny(section) ? "deny" : action),
          peers,
          isNarrowed: rule.endpoints !== null && !isDeny(section),
          ...content,
        });
      });
    }),
  );
  const required = (section: Direction): RequiredPods[] =>
    spec[section].flatMap((rule, index) => {
      const controls = conversion.controls(object, `${spec.prefix}${section}[${index}]`);
      return rule.requires.map((selector) => ({ pods: toPods(selector, namespace), controls }));
    });
  return {
    description: { kind, namespace, name, ...object.source },
    subjects,
    isolates: spec.defaultDeny,
    isStaged: conversion.isStaged(object),
    requires: { ingress: required("ingress"), egress: required("egress") },
    rules,
  };
}

function subjectsOf({ endpoints, nodes }: CiliumSpec, namespace: string): PodMatch | NodeMatch | null {
  if (nodes) return { kind: "nodes", labels: toSelector(nodes) };
  return endpoints && toSubjects(endpoints, namespace);
}

function isDeny(section: CiliumSection): boolean {
  return section.endsWith("Deny");
}

function directionOf(section: CiliumSection): Direction {
  return section.startsWith("ingress") ? "ingress" : "egress";
}

/** What a requirement lets through of pods: nobody, when no pod can meet it. */
function toPods(selector: CiliumRule["requires"][number], namespace: string): PodMatch {
  const match = toPeer(selector, namespace);
  return match?.kind === "pods" ? match : NO_POD;
}

const NO_POD: PodMatch = {
  kind: "pods",
  namespaces: { kind: "labels", selector: [] },
  labels: [{ key: "reserved", operator: "In", values: [] }],
};

type Content = Pick<Rule, "ports" | "l7" | "serverNames">;

/** A rule's items that are alternatives with different consequences; the plain ones together are one. */
function actsOf(rule: CiliumRule, section: CiliumSection): { content: Content; part: number }[] {
  const plain = { l7: null, serverNames: [] } as const;
  if (rule.icmps) {
    const ports = rule.icmps.map(
      ({ protocol, type }) => ({ protocol, kind: "range", first: type, last: type }) as const,
    );
    return [{ content: { ports, ...plain }, part: 0 }];
  }
  if (!rule.ports) return isPeerless(rule) ? [] : [{ content: { ports: null, ...plain }, part: 0 }];
  const isPlain = (item: (typeof rule.ports)[number]): boolean =>
    isDeny(section) || (item.l7 === null && item.serverNames.length === 0);
  const together = rule.ports.filter(isPlain).flatMap(({ ports }) => ports.flatMap(toPorts));
  const acts = rule.ports
    .map((item, i) => ({ item, part: i + 1 }))
    .filter(({ item }) => !isPlain(item))
    .map(({ item: { ports, l7, serverNames }, part }) => ({
      content: { ports: ports.flatMap(toPorts), l7, serverNames },
      part,
    }));
  return together.length > 0 ? [{ content: { ports: together, ...plain }, part: 0 }, ...acts] : acts;
}

function isPeerless({ endpoints, cidrs, entities, nodes, services, names }: CiliumRule): boolean {
  return !(endpoints ?? cidrs ?? entities ?? nodes ?? services ?? names);
}

function peersOf(rule: CiliumRule, namespace: string, references: References, conversion: Conversion): Peer[] | null {
  if (isPeerless(rule) || rule.entities?.includes("all")) return null;
  const scope = conversion.blockScope("outside");
  const block = (cidr: string, except: readonly string[]): Peer => conversion.block(cidr, except, scope);
  const peers: Peer[] = [];
  for (const selector of rule.endpoints ?? []) {
    const peer = toPeer(selector, namespace);
    if (peer) peers.push(peer);
  }
  for (const cidr of rule.cidrs ?? []) for (const one of references.cidrs(cidr)) peers.push(block(one, cidr.except));
  for (const entity of rule.entities ?? []) {
    if (entity === "world-ipv4") peers.push({ kind: "block", cidr: "0.0.0.0/0", except: [], scope: "outside" });
    else if (entity === "world-ipv6") peers.push({ kind: "block", cidr: "::/0", except: [], scope: "outside" });
    else if (entity !== "all" && entity !== "none") peers.push({ kind: "entity", entity });
  }
  for (const selector of rule.nodes ?? []) peers.push({ kind: "nodes", labels: toSelector(selector) });
  for (const wanted of rule.services ?? []) {
    for (const service of references.services(wanted)) {
      // An empty selector is none: such a service's addresses are its slices' own.
      if (service.selector && Object.keys(service.selector).length > 0) {
        const labels = toSelector({ matchLabels: service.selector, matchExpressions: [] });
        peers.push({ kind: "pods", namespaces: { kind: "name", name: service.namespace }, labels });
      } else {
        for (const address of references.backends(service)) {
          peers.push(block(`${address}/${address.includes(":") ? 128 : 32}`, []));
        }
      }
    }
  }
  for (const match of rule.names ?? []) peers.push({ kind: "names", match });
  return peers;
}
