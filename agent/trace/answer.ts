import type { Decision, Evaluation } from "#agent/api/policy-views.ts";
import type { Trace, TraceDirection, TraceRequest, TraceStep } from "#agent/api/trace-views.ts";
import { ConnectionEnd, DropReason, type EventRecord, Verdict } from "#agent/datapath/layouts.gen.ts";
import type { Tuple } from "#agent/datapath/tuple.ts";
import { dropReasonName, dropReasonText } from "#agent/flows/drop-reason.ts";
import { rulesOf } from "./judgement.ts";
import type { RunResult } from "./program-run.ts";
import { TO_PROXY } from "./to-proxy.ts";
import type { TraceWorld } from "./world.ts";

/** A packet's way, to be told. */
interface Way {
  readonly world: TraceWorld;
  readonly request: TraceRequest & { readonly source: string; readonly destination: string };
  readonly tuple: Tuple;
  readonly frame: Uint8Array;
  readonly results: readonly (RunResult | TraceStep)[];
  readonly outcome: string;
}

const directions = ["egress", "ingress"] as const;
type Direction = (typeof directions)[number];

/** What the programs said all together, and whether policy says the same. */
export function answer({ world, request, tuple, frame, results, outcome }: Way): Trace {
  const runs = results.filter((one) => "step" in one);
  const last = runs.at(-1);
  const drop = last?.drop;
  const isDropped = last?.step.outcome === "drop" || outcome.startsWith("dropped") || outcome.startsWith("cannot");
  const isOpen = !isDropped && runs.some((run) => run.isOpen);
  const reason = isOpen ? ", without the proxy, which does not work" : drop ? `: ${dropReasonText(drop.reason)}` : "";
  const policy = world.evaluate(request);
  // What is dropped before any program judges it is told with what policy would have said.
  const isUnjudged = isDropped && !runs.some(isJudged);
  const told = (direction: Direction): TraceDirection =>
    isUnjudged ? decisionOf(policy[direction]) : directionOf(world, runs, direction, policy[direction]);
  const [egress, ingress] = [told("egress"), told("ingress")];
  return {
    verdict: isDropped
      ? drop?.reason === DropReason.PROXY_LOOKUP_FAILED
        ? "redirect"
        : "deny"
      : outcome === TO_PROXY
        ? "redirect"
        : "allow",
    outcome: `${outcome}${reason}`,
    dropReason: drop ? dropReasonName(drop.reason) : null,
    egress,
    ingress,
    generation: Number(world.kernel.lookups.generation()),
    packet: {
      source: tuple.source,
      sourcePort: tuple.sourcePort,
      destination: tuple.destination,
      destinationPort: request.protocol === "ICMP" ? 0 : tuple.destinationPort,
      protocol: request.protocol === "ICMP" && tuple.family === 6 ? "ICMPv6" : request.protocol,
      flags: request.protocol === "TCP" ? (request.flags ?? ["SYN"]) : [],
      frame: Buffer.from(frame).toString("hex"),
    },
    steps: results.map((one) => ("step" in one ? one.step : one)),
    differences: [
      ...runs.flatMap(({ differences }) => differences),
      ...againstPolicy(policy, runs, { egress, ingress }),
    ],
  };
}

const verdictWords: Readonly<Record<number, TraceDirection["verdict"]>> = {
  [Verdict.DENY]: "deny",
  [Verdict.REDIRECT]: "redirect",
};

/** What the program that judged an end said of it. Its event says of one end alone who isolates it; of the other, policy does. */
function directionOf(
  world: TraceWorld,
  runs: readonly RunResult[],
  direction: Direction,
  policy: Decision,
): TraceDirection {
  const end = direction === "egress" ? ConnectionEnd.END_SOURCE : ConnectionEnd.END_DESTINATION;
  const judged = runs.flatMap(({ events, kept }) => [
    ...events.map((event) => event.end[end]),
    ...(kept ? [kept.end[end]] : []),
  ]);
  const told = judged.find(({ verdict }) => verdict !== Verdict.NONE);
  if (!told) return { verdict: "allow", by: [], nearest: null };
  const verdict = verdictWords[told.verdict] ?? "allow";
  const by = rulesOf(
    world.flows,
    told.rules.filter((rule) => rule !== 0),
  );
  const flow = runs.flatMap(({ step }) => step.flows).find(({ weir }) => weir.denied === direction);
  if (flow) return decisionOf({ ...flow.weir, verdict, by });
  const isByDefault = verdict === "deny" && by.length === 0;
  const isSame = policy.verdict === "deny" && policy.by.length === 0 && runs.some(({ events }) => events.some(isNew));
  return isByDefault && isSame ? decisionOf(policy) : { verdict, by, nearest: null };
}

function decisionOf({
  verdict,
  by,
  nearest = null,
  isolatedBy,
  isolatedByMore,
}: Pick<TraceDirection, "verdict" | "by"> & {
  readonly [Field in "nearest" | "isolatedBy" | "isolatedByMore"]?: TraceDirection[Field] | undefined;
}): TraceDirection {
  return {
    verdict,
    by,
    nearest,
    ...(isolatedBy && { isolatedBy }),
    ...(isolatedByMore === undefined ? {} : { isolatedByMore }),
  };
}

/** Where objects are judged otherwise than the packet was. Only a new connection is judged by what is in force now. */
function againstPolicy(
  evaluation: Evaluation,
  runs: readonly RunResult[],
  told: Pick<Trace, "egress" | "ingress">,
): string[] {
  const events = runs.flatMap((run) => run.events).filter(isNew);
  if (events.length === 0 || runs.some(({ kept }) => kept && events.length === 0)) return [];
  return directions.flatMap((direction) => {
    const { verdict, note } = evaluation[direction];
    // What a note tells of is known to differ.
    if (note !== undefined || verdict === told[direction].verdict) return [];
    if (verdict === "redirect" && told[direction].verdict === "allow" && runs.some(({ isOpen }) => isOpen)) return [];
    return [`policy says ${verdict} for ${direction}, the programs ${told[direction].verdict}`];
  });
}

/** Whether a program asked the policy of an end, or found what it had said. */
function isJudged({ events, kept }: RunResult): boolean {
  const says = ({ verdict }: { readonly verdict: number }): boolean => verdict !== Verdict.NONE;
  return events.some(({ end }) => end.some(says)) || (kept?.end.some(says) ?? false);
}

function isNew({ isReply, end }: EventRecord): boolean {
  return isReply === 0 && end.some(({ verdict }) => verdict !== Verdict.NONE);
}
