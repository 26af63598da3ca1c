import { Evaluator } from "#policy/explain/evaluate.ts";
import type { Flow } from "#policy/model/flow.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { parseObjects } from "#policy/parse/objects.ts";
import type { SuggestedPolicy, Suggestion } from "./suggestion.ts";
import { toYaml } from "./yaml.ts";

/**
 * Reads policies back as the agent would, and puts the flows to them that they were made for.
 * One that is too large for the agent gets a remark.
 *
 * @param around Objects without policies.
 */
export function checkSuggestion(
  around: readonly PolicyObject[],
  policies: readonly SuggestedPolicy[],
  flows: readonly Flow[],
): Suggestion {
  const read = policies.map((policy) => ({ policy, parsed: parseObjects(toYaml([policy]), policy.name) }));
  const evaluator = new Evaluator([...around, ...read.flatMap(({ parsed }) => (parsed.ok ? parsed.objects : []))]);
  return {
    policies: read.map(({ policy, parsed }) => {
      if (parsed.ok) return policy;
      const [first] = parsed.errors;
      const remark = `this policy cannot be used: ${first?.field} ${first?.message}`;
      return { ...policy, remarks: [remark, ...policy.remarks] };
    }),
    denied: flows.filter((flow) => evaluator.evaluate(flow).verdict === "deny"),
  };
}
