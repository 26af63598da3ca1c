import type { RuleDescription } from "#agent/api/policy-views.ts";
import type { EventEnd } from "#agent/datapath/layouts.gen.ts";
import { hasDecided, type FlowRecord } from "./record.ts";
import { refusal } from "./refusal.ts";

/** An object, or one rule of it; null: any. */
interface Wish {
  readonly kind: string | null;
  readonly namespace: string | null;
  readonly name: string;
  readonly rule: string | null;
}

/**
 * Whether one of some rules has decided: those of the ends whose verdict became the flow's.
 *
 * @param wanted `[[KIND/]NAMESPACE/]NAME[:RULE]` each: `NetworkPolicy/shop/web:egress[0]`, `shop/web`, `web`.
 * @throws ApiError `bad-request` for what is no such name.
 */
export function policyTest(
  wanted: readonly string[],
  rulesOf: (reference: number) => readonly RuleDescription[],
): (record: FlowRecord) => boolean {
  const wishes = wanted.map(parseWish);
  // A reference never changes its meaning; one that is not known is asked for again.
  const known = new Map<number, boolean>();
  const isWanted = (reference: number): boolean => {
    if (reference === 0) return false;
    const answer = known.get(reference);
    if (answer !== undefined) return answer;
    const rules = rulesOf(reference);
    const found = rules.some((rule) => wishes.some((wish) => isMeant(wish, rule)));
    if (rules.length > 0) known.set(reference, found);
    return found;
  };
  return ({ event, request }) => {
    if (request) return request.rules.some((rule) => wishes.some((wish) => isMeant(wish, rule)));
    const has = (end: EventEnd): boolean => hasDecided(event, end) && end.rules.some(isWanted);
    const { end } = event;
    return has(end[0]) || has(end[1]);
  };
}

function parseWish(text: string): Wish {
  const [, object = "", rule = null] = /^([^:]+)(?::(.+))?$/.exec(text) ?? [];
  const parts = object.split("/");
  const name = parts.pop() ?? "";
  const namespace = parts.pop() ?? null;
  const kind = parts.pop() ?? null;
  if (name === "" || kind === "" || parts.length > 0) {
    throw refusal("policy", `${text} is not [[KIND/]NAMESPACE/]NAME[:RULE]`);
  }
  return { kind, namespace, name, rule };
}

function isMeant(wish: Wish, rule: RuleDescription): boolean {
  return (
    wish.name === rule.name &&
    (wish.namespace === null || wish.namespace === rule.namespace) &&
    (wish.kind === null || wish.kind === rule.kind) &&
    (wish.rule === null || wish.rule === rule.rule)
  );
}
