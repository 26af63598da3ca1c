import { type Controls, NO_CONTROLS, type ObjectControls } from "#policy/model/controls.ts";
import type { Random } from "./random.ts";

/** Instants at which to judge: before, between and after those at which rules end. */
export const INSTANTS: readonly (number | undefined)[] = [undefined, 0, 1000, 1500, 2000];
const ENDS = [1000, 2000];

/**
 * What annotations say of an object and its rules; most often nothing.
 *
 * @param rules Names of the rules that the object has.
 */
export function randomObjectControls(random: Random, rules: readonly string[]): ObjectControls {
  if (random.chance(0.5)) return NO_CONTROLS;
  const some = rules.filter(() => random.chance(0.3));
  return {
    object: random.chance(0.5) ? randomControls(random) : {},
    rules: Object.fromEntries(some.map((rule) => [rule, randomControls(random)])),
  };
}

function randomControls(random: Random): Controls {
  return {
    ...(random.chance(0.35) && { staged: true }),
    ...(random.chance(0.35) && { notAfter: random.pick(ENDS) }),
    ...(random.chance(0.2) && { rate: random.integer(1, 1000) }),
    ...(random.chance(0.2) && { connections: random.integer(1, 100) }),
  };
}
