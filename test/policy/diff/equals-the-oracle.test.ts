import { expect, test } from "vitest";
import { type DiffOptions, diffPolicies } from "#policy/diff/diff.ts";
import type { ExampleFlow } from "#policy/diff/policy-change.ts";
import { Evaluator, bothVerdicts } from "#policy/explain/evaluate.ts";
import type { L7Request } from "#policy/l7/request.ts";
import type { Flow, Party } from "#policy/model/flow.ts";
import { type PolicyObject, subjectOf } from "#policy/model/object.ts";
import type { Verdict } from "#policy/model/rule.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { INSTANTS } from "#test/support/random-controls.ts";
import { randomRequest } from "#test/support/random-requests.ts";
import { Random } from "#test/support/random.ts";
import { sized } from "#test/support/size.ts";
import { covers, partyIn, randomChange } from "./random-change.ts";

const CHANGES = sized({ short: 150, long: 2500 });
const FLOWS = 60;
const FIRST_SEED = 1;

test(`${CHANGES} random changes: what differs by the oracle is told exactly once, and nothing else is`, () => {
  const seen = { differing: 0, examples: 0, others: 0 };
  for (let seed = FIRST_SEED; seed < FIRST_SEED + CHANGES; seed++) {
    const { includeStaged, ...options } = randomOptions(seed);
    const change = randomChange(seed, { flows: FLOWS }, options);
    const verdictsOf = (before: Flow, after: Flow): { before: Verdict; after: Verdict } => ({
      before: verdictOf(change.before, before, options),
      after: verdictOf(change.after, after, { ...options, includeStaged }),
    });
    const { changes, isComplete } = diffPolicies(change.before, change.after, { ...options, includeStaged });
    expect(isComplete).toBe(true);
    const evaluators = [new Evaluator(change.before, options), new Evaluator(change.after, options)] as const;
    for (const [before, after] of change.flows) {
      const verdicts = verdictsOf(before, after);
      const covering = changes.filter((one) => covers(one, after, change));
      const isDifferent = verdicts.before !== verdicts.after;
      if (isDifferent) seen.differing++;
      const toldOf = covering.map(({ before, after }) => ({ before, after }));
      const isRedirect = verdicts.before === "redirect" && verdicts.after === "redirect";
      const differs = (request: L7Request): boolean =>
        requestVerdict(evaluators[0], before, false, request) !==
        requestVerdict(evaluators[1], after, includeStaged, request);
      const others = isRedirect && REQUESTS.some(differs);
      if (others) seen.others++;
      // Other rules about requests may let the same of some few requests pass.
      const expected = isDifferent || others || (isRedirect && toldOf.length > 0) ? [verdicts] : [];
      expect(toldOf, `seed ${seed}: ${JSON.stringify(after)}`).toEqual(expected);
    }
    for (const { example, before, after } of changes) {
      if (!example) continue;
      seen.examples++;
      const flows = [change.before, change.after].map((objects) => exampleFlow(example, objects));
      const told = `seed ${seed}: ${JSON.stringify(example)}`;
      expect(verdictsOf(flows[0] as Flow, flows[1] as Flow), told).toEqual({ before, after });
    }
  }
  // The generator makes changes worth looking at.
  expect(Math.min(seen.differing, seen.examples)).toBeGreaterThan(CHANGES);
  expect(seen.others).toBeGreaterThan(CHANGES / 50);
}, 1_200_000);

const random = new Random(1);
const REQUESTS: readonly L7Request[] = [
  ...["GET", "POST"].flatMap((method) =>
    ["/", "/a", "/public/x"].map((path) => ({ family: "http" as const, method, host: "a.test", path, headers: [] })),
  ),
  ...Array.from({ length: 6 }, () => randomRequest(random)),
  { family: "dns", name: "a.example.com" },
  { family: "tls", serverName: "a.example.com" },
];

function requestVerdict(evaluator: Evaluator, flow: Flow, isPromoted: boolean, request: L7Request): Verdict {
  const { egress, ingress } = evaluator.evaluate(flow, request);
  const [one, other] = [egress, ingress].map((end) => (isPromoted ? (end.staged ?? end) : end).verdict);
  return bothVerdicts(one ?? "deny", other ?? "deny");
}

type Options = Pick<DiffOptions, "at" | "enforcement" | "cidrMatchesPods"> & { readonly includeStaged: boolean };

function randomOptions(seed: number): Options {
  const random = new Random(seed);
  const at = random.pick(INSTANTS);
  return {
    enforcement: random.pick(["default", "default", "default", "always"]),
    cidrMatchesPods: random.pick(["language", "language", true, false]),
    includeStaged: random.chance(0.3),
    ...(at !== undefined && { at }),
  };
}

function verdictOf(objects: readonly PolicyObject[], flow: Flow, options: Partial<Options>): Verdict {
  const { includeStaged: staged = false, ...rest } = options;
  const { egress, ingress } = judge(objects, flow, { ...rest, staged });
  return bothVerdicts(egress.verdict, ingress.verdict);
}

function exampleFlow({ from, to, kinds, names, protocol, port }: ExampleFlow, objects: readonly PolicyObject[]): Flow {
  const end = (text: string, kind: ExampleFlow["kinds"][number]): Party => {
    if (kind !== "pod") return partyIn(objects, { reserved: kind, address: text, names });
    const pods = objects.filter((object) => object.kind === "Pod");
    const pod = pods.find((one) => `${one.namespace}/${one.name}` === text || one.addresses.includes(text));
    if (!pod) return {};
    // By its name a pod is taken by IPv4, if it has that.
    const byName = pod.addresses.find((address) => !address.includes(":")) ?? pod.addresses[0] ?? "";
    return { subject: subjectOf(pod), address: text.includes("/") ? byName : text };
  };
  return { source: end(from, kinds[0]), destination: end(to, kinds[1]), protocol, port };
}
