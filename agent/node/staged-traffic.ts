import type { StagedOutcome } from "#agent/api/flow.ts";
import type { StagedView } from "#agent/api/policy-views.ts";
import type { EventRecord } from "#agent/datapath/layouts.gen.ts";
import { StagedCounts } from "#agent/endpoint/staged-counts.ts";
import { StagedPolicy } from "#agent/endpoint/staged-policy.ts";
import { judgedEnds } from "#agent/flows/staged.ts";
import { formatTime } from "#agent/runtime/clock.ts";
import type { PolicyEngine } from "#policy/compile/engine.ts";
import type { Governed } from "#policy/model/identity.ts";

/** What it needs of the node's parts. */
interface Needs {
  readonly enforcement: { readonly engine: PolicyEngine };
  readonly endpoints: { get(id: number): { readonly subject: Governed } | undefined };
  readonly kernel: { readonly control: { generation(): bigint } };
  readonly clock: { wallNanoseconds(boot: bigint): bigint };
}

/** What everything staged would do to this node's traffic: judged once more in user space, event by event. */
export class StagedTraffic {
  readonly #parts: Needs;
  readonly #policy: StagedPolicy;
  readonly #counts: StagedCounts;

  constructor(parts: Needs) {
    this.#parts = parts;
    this.#policy = new StagedPolicy(parts.enforcement);
    this.#counts = new StagedCounts(parts.enforcement);
  }

  /** Whether nothing is enforced, so that everything is staged. */
  get isAudit(): boolean {
    return this.#parts.enforcement.engine.options.audit === true;
  }

  /** The ends of an event that what is staged would judge otherwise; counts them. To be asked once for each event. */
  see(event: EventRecord): readonly StagedOutcome[] {
    if (!this.#policy.isAny) return [];
    const { kernel, endpoints, clock } = this.#parts;
    // What a policy said that is in force no more is not compared with what is staged now.
    if (event.generation !== kernel.control.generation()) return [];
    const outcomes: StagedOutcome[] = [];
    for (const end of judgedEnds(event)) {
      const subject = endpoints.get(end.endpoint)?.subject;
      const judgement = subject && this.#policy.judge(subject, end);
      if (!judgement || judgement.outcome.verdict === end.verdict) continue;
      this.#counts.count(judgement, clock.wallNanoseconds(event.time));
      outcomes.push(judgement.outcome);
    }
    return outcomes;
  }

  list(): StagedView[] {
    return this.#counts.list().map(({ rule, last, ...item }) => ({
      ...item,
      rule: rule === "" ? null : rule,
      last: last === null ? null : formatTime(last),
    }));
  }
}
