import { ApiError } from "#agent/api/errors.ts";
import type { EvaluationPort, ObjectName, PolicyService } from "#agent/api/ports.ts";
import type { PolicyView } from "#agent/api/policy-views.ts";
import { nodeAddresses } from "#agent/net/node-addresses.ts";
import { evaluate } from "#policy/explain/evaluate.ts";
import { type OwnNode, resolveParties } from "#policy/explain/parties.ts";
import type { Party } from "#policy/model/flow.ts";
import { objectKey, type PolicyObject } from "#policy/model/object.ts";
import { parseObjects } from "#policy/parse/objects.ts";
import { overlay, withLivePods } from "./live-pods.ts";
import type { NodeParts } from "./parts.ts";
import type { StagedTraffic } from "./staged-traffic.ts";

export function policyService(parts: NodeParts, staged: StagedTraffic): PolicyService {
  const { policy, applied, changes } = parts;
  const view = (object: PolicyObject): PolicyView => {
    const { kind, namespace, name, source } = object;
    const isApplied = applied.list().some((one) => objectKey(one) === objectKey(object));
    const origin = source.file === "kubernetes" ? "kubernetes" : isApplied ? "applied" : "objects";
    return {
      kind,
      namespace,
      name,
      file: source.file,
      line: source.line,
      origin,
      revision: Number(policy.sinceRevision(objectKey(object))),
    };
  };
  const find = (name: ObjectName): PolicyObject | undefined => {
    return policy.objects.find((object) => objectKey(object) === objectKey(name));
  };
  /** Puts in force what the sources hold now. @throws ApiError `conflict` when it is refused. */
  const settle = async (asked: string): Promise<void> => {
    if (await changes.run(() => policy.apply(parts.objects.current().objects))) return;
    throw new ApiError("conflict", { asked, obstacle: `kept, but not in force: ${policy.refusal}` });
  };
  return {
    list: () => policy.objects.map(view),
    staged: () => staged.list(),
    get: (name) => {
      const object = find(name);
      return object && { ...view(object), manifest: object };
    },
    inForce: () => {
      const { enforcement, cidrMatchesPods } = policy.options;
      const objects = withLivePods(policy.objects, parts.endpoints.list(), parts.config.nodeName);
      return { enforcement, cidrMatchesPods, objects: objects.map((object) => ({ ...object })) };
    },
    validate: ({ text, file }) => {
      const parsed = parseObjects(text, file);
      return parsed.ok ? [] : parsed.errors;
    },
    apply: async ({ text, file }) => {
      const parsed = parseObjects(text, file);
      if (!parsed.ok) return { ok: false, errors: parsed.errors };
      // Refused before anything is kept: what does not fit shall not come back at a restart.
      await changes.run(() => policy.check(overlay(parts.objects.current().objects, parsed.objects)));
      const result = applied.apply(text, file);
      if (!result.ok) return { ok: false, errors: result.errors };
      await settle(`apply ${file}`);
      return { ok: true, change: { revision: Number(policy.revision), objects: result.objects.map(objectKey) } };
    },
    delete: async (name) => {
      if (!applied.delete(objectKey(name))) {
        const elsewhere = find(name)?.source;
        if (!elsewhere) return undefined;
        const place = elsewhere.line === null ? elsewhere.file : `${elsewhere.file}:${elsewhere.line}`;
        const obstacle = `it was not applied, it comes from ${place}`;
        throw new ApiError("not-found", { asked: `delete ${objectKey(name)}`, obstacle, remedy: "remove it there" });
      }
      await settle(`delete ${objectKey(name)}`);
      return { revision: Number(policy.revision), objects: [objectKey(name)] };
    },
    revision: () => Number(policy.revision),
    waitRevision: async (revision, signal) => {
      if (revision === undefined) await changes.run(() => {});
      else await policy.wait(BigInt(revision), signal);
      return Number(policy.revision);
    },
  };
}

/**
 * Who is meant by two texts, each `NAMESPACE/POD` or an address; whoever is outside has the DNS names that pods were told.
 *
 * @throws ApiError `not-found`, `bad-request`.
 */
export function partiesOf(
  parts: NodeParts,
  objects: readonly PolicyObject[],
  { from, to }: { readonly from: string; readonly to: string },
  asked: string,
): { readonly source: Party; readonly destination: Party } {
  const { config, connection, enforcement } = parts;
  const own: OwnNode = {
    name: config.nodeName,
    addresses: new Set(nodeAddresses(connection)),
    labels: enforcement.outsiders.ownLabels,
  };
  const parties = resolveParties(objects, from, to, own);
  const { names } = parts;
  const named = (party: Party): Party =>
    party.address === undefined || party.subject ? party : { ...party, names: names.namesOf(party.address) };
  if (parties.ok) return { source: named(parties.source), destination: named(parties.destination) };
  throw new ApiError(parties.reason === "invalid" ? "bad-request" : parties.reason, { asked, obstacle: parties.error });
}

export function evaluationPort(parts: NodeParts): EvaluationPort {
  const { policy, endpoints, config, clock, enforcement } = parts;
  return {
    evaluate: ({ from, to, protocol, port, request = null, candidate }) => {
      const documents = [candidate ?? []].flat().map(({ text, file }) => parseObjects(text, file));
      const errors = documents.flatMap((parsed) => (parsed.ok ? [] : parsed.errors));
      if (errors.length > 0) return { ok: false, errors };
      const candidates = documents.flatMap((parsed) => (parsed.ok ? parsed.objects : []));
      const objects = withLivePods(overlay(policy.objects, candidates), endpoints.list(), config.nodeName);
      const { source, destination } = partiesOf(parts, objects, { from, to }, "evaluate policy");
      const options = { ...enforcement.engine.options, ...policy.options, at: clock.now().getTime() };
      return { ok: true, evaluation: evaluate(objects, { source, destination, protocol, port }, options, request) };
    },
  };
}
