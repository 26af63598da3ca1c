import { expect, test } from "vitest";
import type { Flow, Party } from "#policy/model/flow.ts";
import { type PolicyObject, isPolicyKind } from "#policy/model/object.ts";
import { isTransport } from "#policy/model/protocol.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { parseObjects } from "#policy/parse/objects.ts";
import { stableLabels } from "#policy/suggest/stable-labels.ts";
import { suggest } from "#policy/suggest/suggest.ts";
import { toYaml } from "#policy/suggest/yaml.ts";
import { CompiledCluster } from "#test/support/compiled-cluster.ts";
import { randomCluster } from "#test/support/random-policy.ts";
import { bothVerdicts } from "#policy/explain/evaluate.ts";

const CLUSTERS = 100;
const SEEN = 25;
const UNSEEN = 80;
const FIRST_SEED = 50_000;

/**
 * What of a flow a suggestion is about: a pod is as good as another one of its workload, and in Cilium's
 * language another node as good as the next, and an API server on a node.
 */
function essences({ source, destination, protocol, port }: Flow, as: string): string[] {
  const who = ({ subject, address, reserved = "world", nodeLabels }: Party): unknown[] => {
    if (subject) return [[subject.namespace, stableLabels(subject.labels)]];
    if (as !== "cilium" || reserved === "world") return [address];
    return reserved === "kube-apiserver" && nodeLabels ? [reserved, "remote-node"] : [reserved];
  };
  return who(source).flatMap((from) => who(destination).map((to) => JSON.stringify([from, to, protocol, port])));
}

test.each(["kubernetes", "cilium"] as const)("%s: what was seen is allowed, and nothing else of these pods", (as) => {
  const judged = { seen: 0, unsaid: 0, unseen: 0 };
  for (let seed = FIRST_SEED; seed < FIRST_SEED + CLUSTERS; seed++) {
    const { objects, flows, parties } = randomCluster(seed, { flows: SEEN + UNSEEN, hostPolicies: false });
    const around = objects.filter((object) => !isPolicyKind(object));
    const seen = flows.slice(0, SEEN);
    const { policies, denied } = suggest(around, seen, { as });
    const parsed = parseObjects(toYaml(policies), "suggestion.yaml");
    expect(parsed.ok ? [] : parsed.errors).toEqual([]);
    const all: PolicyObject[] = [...around, ...(parsed.ok ? parsed.objects : [])];
    const compiled = new CompiledCluster(all, parties);
    const verdict = (flow: Flow): string => {
      const told = `seed ${seed}: ${JSON.stringify(flow)}`;
      const { egress, ingress } = judge(all, flow);
      const both = bothVerdicts(egress.verdict, ingress.verdict);
      const map = compiled.judge(flow);
      expect(bothVerdicts(map.egress.verdict, map.ingress.verdict), told).toBe(both);
      return both === "deny" ? "denied" : "allowed";
    };
    for (const flow of seen) {
      const isUnsaid = denied.includes(flow);
      // A NetworkPolicy has no words for ICMP and the like; Cilium's has words for all that there is here.
      expect(isUnsaid, `seed ${seed}: ${JSON.stringify(flow)}`).toBe(as === "kubernetes" && isUnsayable(flow));
      expect(verdict(flow), `seed ${seed}: ${JSON.stringify(flow)}`).toBe(isUnsaid ? "denied" : "allowed");
      judged[isUnsaid ? "unsaid" : "seen"]++;
    }
    const known = new Set(seen.flatMap((flow) => essences(flow, as)));
    for (const flow of flows.slice(SEEN)) {
      if (essences(flow, as).some((one) => known.has(one)) || isAlwaysAllowed(flow) || !isGoverned(flow, seen))
        continue;
      if (isKnownByName(flow, seen, as)) continue;
      expect(verdict(flow), `seed ${seed}: ${JSON.stringify(flow)}`).toBe("denied");
      judged.unseen++;
    }
  }
  expect(judged.seen).toBeGreaterThan(CLUSTERS * 5);
  expect(judged.unseen).toBeGreaterThan(CLUSTERS * 5);
});

function isUnsayable(flow: Flow): boolean {
  return !isTransport(flow.protocol) && !isAlwaysAllowed(flow);
}

/** To oneself, and from the node; on its way out of the node nothing is judged. */
function isAlwaysAllowed({ source, destination }: Flow): boolean {
  return source.address === destination.address || (source.reserved === "host" && destination.subject !== undefined);
}

/** Whether a workload of one of its ends was seen, so that it has a policy. */
function isGoverned({ source, destination }: Flow, seen: readonly Flow[]): boolean {
  const key = ({ subject }: Party): string | null =>
    subject ? JSON.stringify([subject.namespace, stableLabels(subject.labels)]) : null;
  const known = new Set(seen.flatMap((flow) => [key(flow.source), key(flow.destination)]));
  return [key(source), key(destination)].some((one) => one !== null && known.has(one));
}

/** Who is outside, and has a name that was seen, is allowed by that name. */
function isKnownByName({ destination }: Flow, seen: readonly Flow[], as: string): boolean {
  const names = new Set(seen.flatMap((flow) => flow.destination.names ?? []));
  return as === "cilium" && (destination.names ?? []).some((name) => names.has(name));
}
