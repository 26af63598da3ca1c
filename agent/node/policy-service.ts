import { ApiError } from "#agent/api/errors.ts";
import type { EvaluationPort, ObjectName, PolicyService } from "#agent/api/ports.ts";
import type { PolicyView } from "#agent/api/policy-views.ts";
import { nodeAddresses } from "#agent/net/node-addresses.ts";
import { evaluate } from "#policy/explain/evaluate.ts";
import { resolveParties } from "#policy/explain/parties.ts";
import type { Party } from "#policy/model/flow.ts";
import { objectKey, type PodObject, type PolicyObject } from "#policy/model/object.ts";
import { parseObjects } from "#policy/parse/objects.ts";
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
      const objects = overlay(policy.objects, livePods(parts)).map((object) => ({ ...object }));
      return { enforcement, cidrMatchesPods, objects };
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

export function evaluationPort(parts: NodeParts): EvaluationPort {
  return {
    evaluate: ({ from, to, protocol, port, candidate }) => {
      let objects: readonly PolicyObject[] = parts.policy.objects;
      if (candidate) {
        const parsed = parseObjects(candidate.text, candidate.file);
        if (!parsed.ok) return { ok: false, errors: parsed.errors };
        objects = overlay(objects, parsed.objects);
      }
      objects = overlay(objects, livePods(parts));
      const parties = resolveParties(objects, from, to);
      if (!parties.ok) throw new ApiError("not-found", { asked: "evaluate policy", obstacle: parties.error });
      const own = new Set(nodeAddresses(parts.connection));
      const known = (party: Party): Party => {
        if (party.subject || party.address === undefined || !own.has(party.address)) return party;
        return { address: party.address, reserved: "host", nodeLabels: parts.enforcement.outsiders.ownLabels };
      };
      const options = { ...parts.policy.options, at: parts.clock.now().getTime() };
      const flow = { source: known(parties.source), destination: known(parties.destination), protocol, port };
      return { ok: true, evaluation: evaluate(objects, flow, options) };
    },
  };
}

/** This node's pods as they are, whether an object speaks of them or not. */
function livePods({ endpoints }: NodeParts): PodObject[] {
  return endpoints.list().map(({ record, subject }): PodObject => ({
    kind: "Pod",
    namespace: record.namespace,
    name: record.pod,
    source: { file: "node", line: null },
    labels: subject.labels,
    serviceAccount: subject.serviceAccount,
    namedPorts: subject.namedPorts,
    addresses: [record.ipv4, record.ipv6].filter((address) => address !== null),
    hostNetwork: false,
  }));
}

/** Objects with others in place of their namesakes, or beside them. */
function overlay(objects: readonly PolicyObject[], others: readonly PolicyObject[]): PolicyObject[] {
  return [...new Map([...objects, ...others].map((object) => [objectKey(object), object])).values()];
}
