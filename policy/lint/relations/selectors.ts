import { type Requirement, type Selector, formatRequirement } from "#policy/model/selector.ts";

/** All that a selector says of one label. */
interface Constraint {
  readonly mustExist: boolean;
  readonly mustNotExist: boolean;
  /** Null: any value. */
  readonly allowed: ReadonlySet<string> | null;
  readonly forbidden: ReadonlySet<string>;
  readonly requirements: readonly Requirement[];
}

/**
 * The conditions of a selector that no labels can meet together; empty where some labels can.
 *
 * @param present A label that is always there.
 */
export function contradiction(selector: Selector, present: string | null = null): string {
  for (const [key, constraint] of constraintsOf(selector)) {
    const { mustExist, mustNotExist, allowed, forbidden } = constraint;
    const isMissing = mustNotExist && (mustExist || key === present);
    const hasNoValue = allowed !== null && [...allowed].every((value) => forbidden.has(value));
    if (isMissing || hasNoValue) return constraint.requirements.map(formatRequirement).join(" and ");
  }
  return "";
}

/** Whether all labels that meet `narrow` meet `wide`, too. `narrow` can be met. */
export function isWithin(narrow: Selector, wide: Selector, present: string | null = null): boolean {
  if (wide.length === 0 || narrow === wide) return true;
  const constraints = constraintsOf(narrow);
  return wide.every((requirement) => {
    const constraint = constraints.get(requirement.key) ?? FREE;
    return holds(requirement, requirement.key === present ? { ...constraint, mustExist: true } : constraint);
  });
}

/** Whether the same labels could meet both. */
export function areCompatible(a: Selector, b: Selector, present: string | null = null): boolean {
  return contradiction([...a, ...b], present) === "";
}

function holds({ operator, values }: Requirement, constraint: Constraint): boolean {
  const { mustExist, mustNotExist, allowed, forbidden } = constraint;
  const possible = allowed && [...allowed].filter((value) => !forbidden.has(value));
  switch (operator) {
    case "In":
      return possible !== null && possible.every((value) => values.includes(value));
    case "NotIn":
      if (mustNotExist) return true;
      return possible ? !possible.some((value) => values.includes(value)) : values.every((one) => forbidden.has(one));
    case "Exists":
      return mustExist;
    case "DoesNotExist":
      return mustNotExist;
  }
}

const FREE: Constraint = {
  mustExist: false,
  mustNotExist: false,
  allowed: null,
  forbidden: new Set(),
  requirements: [],
};

function constraintsOf(selector: Selector): Map<string, Constraint> {
  const constraints = new Map<string, Constraint>();
  for (const requirement of selector) {
    const { key } = requirement;
    constraints.set(key, add(constraints.get(key) ?? FREE, requirement));
  }
  return constraints;
}

function add(constraint: Constraint, requirement: Requirement): Constraint {
  const { operator, values } = requirement;
  const { allowed, forbidden } = constraint;
  const so = { ...constraint, requirements: [...constraint.requirements, requirement] };
  switch (operator) {
    case "In":
      return { ...so, mustExist: true, allowed: new Set(values.filter((value) => allowed?.has(value) ?? true)) };
    case "NotIn":
      return { ...so, forbidden: new Set([...forbidden, ...values]) };
    case "Exists":
      return { ...so, mustExist: true };
    case "DoesNotExist":
      return { ...so, mustNotExist: true };
  }
}
