import { ApiError } from "#agent/api/errors.ts";
import type { WhatIfPort } from "#agent/api/ports.ts";
import type { Suggestion } from "#agent/api/what-if-views.ts";
import { objectKey, type PolicyObject } from "#policy/model/object.ts";
import { formatLocatedError } from "#policy/parse/located-error.ts";
import { parseObjects } from "#policy/parse/objects.ts";
import { RecordedFlows } from "#policy/simulate/recorded-flows.ts";
import { readFlows } from "#policy/suggest/recorded.ts";
import { suggest } from "#policy/suggest/suggest.ts";
import type { SuggestedPolicy } from "#policy/suggest/suggestion.ts";
import { toYaml } from "#policy/suggest/yaml.ts";
import { DiffThread } from "./diff-thread.ts";
import { withLivePods } from "./live-pods.ts";
import type { NodeParts } from "./parts.ts";

type Parts = Pick<NodeParts, "policy" | "objects" | "endpoints" | "config">;

/** Questions about policies that are not in force. */
export function whatIfPort({ policy, objects, endpoints, config }: Parts): WhatIfPort {
  const thread = new DiffThread();
  const inForce = (): readonly PolicyObject[] => withLivePods(policy.objects, endpoints.list(), config.nodeName);
  return {
    text: (name) => {
      const object = policy.objects.find((one) => objectKey(one) === objectKey(name));
      const text = object && objects.text(objectKey(object));
      return object && text ? { file: object.source.file, ...text } : undefined;
    },
    diff: async ({ candidate, replace }, signal) => {
      const parsed = parseObjects(candidate.text, candidate.file);
      if (!parsed.ok) return { ok: false, errors: parsed.errors };
      const { enforcement, cidrMatchesPods } = policy.options;
      const before = { enforcement, cidrMatchesPods, objects: inForce() };
      return { ok: true, diff: await thread.compare({ before, candidate, replace: replace ?? false }, signal) };
    },
    suggest: (flow) => suggestion(inForce(), flow),
  };
}

/** What would let one flow through: of what {@link suggest} says only what the end lacks that dropped it. */
function suggestion(objects: readonly PolicyObject[], flow: Readonly<Record<string, unknown>>): Suggestion {
  const recorded = new RecordedFlows("flow");
  recorded.add(JSON.stringify(flow));
  const [error] = recorded.errors;
  if (error) throw new ApiError("bad-request", { asked: "read flow", obstacle: formatLocatedError(error) });
  const [unjudged] = recorded.unjudged.keys();
  if (unjudged !== undefined) return { yaml: "", remarks: [`policy has no say in this flow: ${unjudged}`] };
  const read = readFlows(objects, recorded.flows, true);
  if (read.unresolved > 0) return { yaml: "", remarks: ["nothing says who is at an end of this flow"] };
  const direction = deniedEnd(flow);
  const taken = new Set(objects.map(objectKey));
  const policies = suggest(objects, read.flows).policies.flatMap((one) => narrow(one, direction, taken));
  const remarks = policies.flatMap((one) => one.remarks);
  if (policies.length === 0) remarks.push(`no NetworkPolicy can allow it: ${direction} of no pod is concerned`);
  return { yaml: toYaml(policies), remarks };
}

function deniedEnd(flow: Readonly<Record<string, unknown>>): "ingress" | "egress" {
  const { denied } = (flow["weir"] ?? {}) as { readonly denied?: unknown };
  if (denied === "egress" || denied === "ingress") return denied;
  return flow["traffic_direction"] === "EGRESS" ? "egress" : "ingress";
}

/** Only one direction of a policy, under a name that no object has. */
function narrow(
  { namespace, name, manifest, remarks }: SuggestedPolicy,
  direction: "ingress" | "egress",
  taken: ReadonlySet<string>,
): SuggestedPolicy[] {
  const spec = manifest["spec"] as Readonly<Record<string, unknown>>;
  const rules = spec[direction] as readonly unknown[];
  if (rules.length === 0) return [];
  const base = `allow-${direction}-${name}`;
  let free = base;
  for (let number = 2; taken.has(objectKey({ kind: "NetworkPolicy", namespace, name: free })); number++) {
    free = `${base}-${number}`;
  }
  const policyTypes = [direction === "ingress" ? "Ingress" : "Egress"];
  const narrowed = { podSelector: spec["podSelector"], policyTypes, [direction]: rules };
  return [
    {
      namespace,
      name: free,
      remarks,
      manifest: { ...manifest, metadata: { name: free, namespace }, spec: narrowed },
    },
  ];
}
