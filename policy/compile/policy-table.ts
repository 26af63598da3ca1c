import type { Controls } from "#policy/model/controls.ts";
import { type PolicyKindObject, type PolicyObject, objectKey } from "#policy/model/object.ts";
import type { Policy } from "#policy/model/rule.ts";
import type { Conversion } from "./conversion.ts";
import { policyObjects, toPolicies } from "./policies.ts";
import { References } from "./references.ts";

/** A policy with a number that stays its own for as long as its content does. */
export interface NumberedPolicy {
  readonly number: number;
  readonly policy: Policy;
}

interface Converted {
  readonly object: PolicyKindObject;
  readonly policies: readonly NumberedPolicy[];
}

/**
 * The policies of objects, converted once for each object and numbered by content. An object that
 * speaks of other objects, or whose rules end, is looked at again each time.
 */
export class PolicyTable {
  readonly #conversion: Conversion;
  readonly #numbers = new Map<string, NumberedPolicy>();
  #converted = new Map<string, Converted>();

  constructor(conversion: Conversion) {
    this.#conversion = conversion;
  }

  /** How many policies have ever had a number. */
  get size(): number {
    return this.#numbers.size;
  }

  /**
   * The policies of these objects.
   *
   * @param at Milliseconds since 1970: rules that have ended by then are left out; null: none has.
   */
  read(objects: readonly PolicyObject[], at: number | null): NumberedPolicy[] {
    let references: References | null = null;
    const converted = new Map<string, Converted>();
    for (const object of policyObjects(objects)) {
      const key = objectKey(object);
      const known = this.#converted.get(key);
      if (known?.object === object && !isVolatile(object)) {
        converted.set(key, known);
        continue;
      }
      references ??= new References(objects);
      const policies = toPolicies(object, references, this.#conversion).map((policy) => this.#number(live(policy, at)));
      converted.set(key, { object, policies });
    }
    this.#converted = converted;
    return [...converted.values()].flatMap(({ policies }) => policies);
  }

  #number(policy: Policy): NumberedPolicy {
    const text = JSON.stringify(policy);
    const known = this.#numbers.get(text);
    if (known) return known;
    const numbered = { number: this.#numbers.size, policy };
    this.#numbers.set(text, numbered);
    return numbered;
  }
}

/** Whether a rule of an object ends, or has ended. */
export function hasEnd({ controls: { object, rules } }: PolicyKindObject): boolean {
  return [object, ...Object.values(rules)].some(({ notAfter }) => notAfter !== undefined);
}

/** Whether the policies of an object depend on more than the object. */
function isVolatile(object: PolicyKindObject): boolean {
  if (hasEnd(object)) return true;
  return (
    "specs" in object &&
    object.specs.some((spec) =>
      [...spec.ingress, ...spec.ingressDeny, ...spec.egress, ...spec.egressDeny].some(
        ({ services, cidrs }) => services !== null || cidrs?.some(({ kind }) => kind !== "cidr"),
      ),
    )
  );
}

/**
 * A policy without the rules that have ended.
 *
 * @param at Milliseconds since 1970; null: none has.
 */
export function live(policy: Policy, at: number | null): Policy {
  const isLive = ({ controls: { notAfter } }: { readonly controls: Controls }): boolean =>
    at === null || notAfter === undefined || at < notAfter;
  const { rules, requires } = policy;
  if ([...rules, ...requires.ingress, ...requires.egress].every(isLive)) return policy;
  return {
    ...policy,
    rules: rules.filter(isLive),
    requires: { ingress: requires.ingress.filter(isLive), egress: requires.egress.filter(isLive) },
  };
}
